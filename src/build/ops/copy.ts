import { invariant, isShaleError, parseFileMode, ShaleError, type ModeChange } from '../../base/index.ts';
import type { CopyOp, CopySource, Op, VertexId } from '../../graph/index.ts';
import type { StepContext, StepInputs } from '../../solver/index.ts';
import { Destination, type PlannedEntry } from '../copy/destination.ts';
import { EMPTY_DIRECTORY, inlineSource } from '../copy/inline-source.ts';
import { excludeFilter, parentsFilter } from '../copy/filters.ts';
import { planCopy, type CopyAttributes } from '../copy/plan.ts';
import { selectSources, type CopySourceTree, type Selected } from '../copy/select.ts';
import type { SourceNode } from '../copy/source-tree.ts';
import { openArchive, planArchive } from '../copy/unpack.ts';
import { chainOf, withLayer } from '../result.ts';
import type { BuildSession } from '../session.ts';
import { describeEntries, settleContents } from './describe.ts';
import { rootfsOf, type Operation, type Step } from './operation.ts';
import { resolveOwner, type Owner } from './owner.ts';
import { writePlanned } from './write-layer.ts';

/**
 * COPY and ADD: a layer written straight from the sources. Nothing is mounted and no container starts; the destination is
 * resolved through the indexes of the layers below.
 */
export const copyOperation: Operation<CopyOp> = {
  /**
   * What is selected from the context, planned onto an empty root filesystem, and the stages that are copied from by their
   * identity: no layer need be opened, or even be here, for that. Sources that only fit together because of what lies below
   * have no such plan.
   */
  async fastInputs(step, session) {
    try {
      return await selectionInputs(step, session);
    } catch (error) {
      if (isShaleError(error, 'COPY_NOT_A_DIRECTORY', 'COPY_OVER_DIRECTORY')) return undefined;
      throw error;
    }
  },
  async contentInputs(step, session) {
    const entries = await planAll(step, session, undefined);
    await settleContents(entries);
    return new Map([...session.commonInputs(), ...describeEntries(entries)]);
  },
  async execute(step, session, context) {
    return withLayer(rootfsOf(step), await writePlanned(await planAll(step, session, context), session, context));
  },
};

async function selectionInputs(step: Step<CopyOp>, session: BuildSession): Promise<StepInputs> {
  const destination = new Destination(undefined);
  const owner =
    step.op.chown !== undefined && /^[0-9:]+$/.test(step.op.chown)
      ? (await resolveOwner(step.op.chown, undefined)).owner
      : undefined;
  const stages: [string, string][] = [];
  for (const [i, source] of step.op.sources.entries()) {
    const input = source.kind === 'inline' ? undefined : step.inputs[source.input];
    if (input?.kind === 'rootfs') stages.push([`from:${i}`, `${chainOf(input.stack)} ${JSON.stringify(source)}`]);
    else await planSource(destination, { step, session, source, owner, unpack: 'sealed' });
  }
  const entries = destination.entries((t) => t);
  await settleContents(entries);
  const { sources, ...rest } = step.op;
  const op = JSON.stringify({ ...rest, kinds: sources.map((source) => source.kind) });
  return new Map([
    ...session.commonInputs(),
    ...stages,
    ['command', step.vertex.command],
    ['op', op],
    ['rootfs', chainOf(rootfsOf(step).stack)],
    ...describeEntries(entries),
  ]);
}

async function planAll(
  step: Step<CopyOp>,
  session: BuildSession,
  context: StepContext | undefined,
): Promise<PlannedEntry[]> {
  return session.memoize(`plan ${step.vertex.id}`, async () => {
    const root = step.op.link ? undefined : await session.rootTree(rootfsOf(step).stack);
    const destination = new Destination(root);
    const owner = step.op.chown === undefined ? undefined : await ownerOf(step.op.chown, root, context);
    for (const source of step.op.sources)
      await planSource(destination, { step, session, source, owner, unpack: 'open' });
    return destination.entries((mtimeNs) => session.clamp(mtimeNs));
  });
}

async function ownerOf(text: string, root: SourceNode | undefined, context: StepContext | undefined): Promise<Owner> {
  const { owner, unknown } = await resolveOwner(text, root);
  for (const name of unknown)
    context?.log('stderr', Buffer.from(`the image has no user or group "${name}": 0 is used\n`));
  return owner;
}

interface SourceRequest {
  readonly step: Step<CopyOp>;
  readonly session: BuildSession;
  readonly source: CopySource;
  readonly owner: Owner | undefined;
  /** `sealed` takes an archive as the file that it is. */
  readonly unpack: 'open' | 'sealed';
}

async function planSource(destination: Destination, request: SourceRequest): Promise<void> {
  const { step, session, source, owner } = request;
  const { op } = step;
  const placed = new Map<string, string>();
  const named = excludeFilter(op.excludes);
  const excludes = source.kind === 'parents' ? parentsFilter(source.pattern, named) : named;
  const fromContext = source.kind === 'inline' || step.inputs[source.input]?.kind === 'context';
  const attributes = attributesOf(op, session, {
    owner: owner ?? (fromContext ? { uid: 0, gid: 0 } : undefined),
    fromContext,
  });
  for (const selected of await select(step, session, source)) {
    if (request.unpack === 'open' && source.kind === 'tree' && source.unpack) {
      const archive = await openArchive(selected.node, session.spool);
      if (archive !== undefined) {
        planArchive(destination, archive, {
          selected,
          destination: op.destination,
          attributes: { ...attributes, owner },
        });
        continue;
      }
    }
    planCopy(destination, { selected, destination: op.destination, attributes, excludes, placed });
  }
}

async function select(step: Step<CopyOp>, session: BuildSession, source: CopySource): Promise<readonly Selected[]> {
  if (source.kind === 'inline') return [inlineSource(source.file)];
  if (source.kind === 'fetched')
    throw new ShaleError('OP_UNSUPPORTED', `${step.vertex.command}: this form of source is not supported`);
  const tree = await sourceTree(step, session, source.input);
  if (source.kind === 'tree') return selectSources(tree, source.path);
  if (source.required !== undefined) selectSources(tree, source.required);
  return selectSources(tree, source.root);
}

/** The tree behind an input of a step. */
export async function sourceTree(step: Step<Op>, session: BuildSession, input: number): Promise<CopySourceTree> {
  const result = step.inputs[input];
  const id: VertexId | undefined = step.vertex.inputs[input];
  invariant(result !== undefined && id !== undefined, 'a copy names its inputs');
  if (result.kind === 'context') return session.contextTree(result.name);
  const root = await session.rootTree(result.stack);
  return { root: root ?? EMPTY_DIRECTORY, title: 'the files of that stage or image' };
}

function attributesOf(
  op: CopyOp,
  session: BuildSession,
  from: { readonly owner: Owner | undefined; readonly fromContext: boolean },
): CopyAttributes {
  const changeMode: ModeChange | undefined = op.chmod === undefined ? undefined : parseFileMode(op.chmod);
  const isOctal = op.chmod !== undefined && /^[0-7]+$/.test(op.chmod);
  return {
    owner: from.owner,
    changeMode,
    parentMode: isOctal && changeMode !== undefined ? changeMode(0o755, true) : 0o755,
    epochNs: session.epochNs,
    time: from.fromContext ? () => session.epochNs : (mtimeNs) => session.clamp(mtimeNs),
  };
}
