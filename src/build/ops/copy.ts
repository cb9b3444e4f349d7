import { invariant, isShaleError, parseFileMode, type ModeChange } from '../../base/index.ts';
import type { CopyOp, CopySource, Op, VertexId } from '../../graph/index.ts';
import type { StepContext, StepInputs } from '../../solver/index.ts';
import { Destination } from '../copy/destination.ts';
import { directoryOf, fetchedFile } from '../copy/fetched-file.ts';
import { EMPTY_DIRECTORY, inlineSource } from '../copy/inline-source.ts';
import { excludeFilter, parentsFilter } from '../copy/filters.ts';
import type { CopyAttributes } from '../copy/graft.ts';
import { planCopy } from '../copy/plan.ts';
import type { CopyPlan } from '../copy/planned.ts';
import { selectSources, type CopySourceTree, type Selected } from '../copy/select.ts';
import type { SourceNode } from '../copy/source-tree.ts';
import { openArchive, planArchive } from '../copy/unpack.ts';
import { chainOf, withLayer, type FetchedResult, type StepResult } from '../result.ts';
import type { BuildSession } from '../session.ts';
import { describeEntries, hashEntries, inputsWith, settleContents } from './describe.ts';
import { draftLayer, isWorthDrafting } from './draft.ts';
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
    const plan = await planAll(step, session, undefined);
    await settleContents(plan);
    return inputsWith(session.commonInputs(), () => describeEntries(plan.byOrigin()));
  },
  async execute(step, session, context) {
    await using draft = session.takeDraft(step.vertex.id);
    const layer =
      draft === undefined
        ? await writePlanned(await planAll(step, session, context), session, context)
        : (await draft.commit()).diffId;
    return withLayer(rootfsOf(step), layer);
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
    const identity = identityOf(input);
    if (identity !== undefined) stages.push([`from:${i}`, `${identity} ${JSON.stringify(source)}`]);
    else await planSource(destination, { step, session, source, owner, unpack: 'sealed' });
  }
  const plan = destination.plan((t) => t);
  if (await isWorthDrafting(step, plan, session))
    await draftLayer(step, await planAll(step, session, undefined), session);
  await settleContents(plan);
  const { sources, ...rest } = step.op;
  const kinds = sources.map((source) => ('unpack' in source && source.unpack ? `${source.kind} unpack` : source.kind));
  const op = JSON.stringify({ ...rest, kinds });
  return new Map([
    ...session.commonInputs(),
    ...stages,
    ['command', step.vertex.command],
    ['op', op],
    ['rootfs', chainOf(rootfsOf(step).stack)],
    // Names of many thousand files would only be hashed, and take their memory.
    ['files', hashEntries(plan.entries())],
  ]);
}

/** What names all files of an input without a look at them; undefined for files that are looked at one by one. */
function identityOf(input: StepResult | undefined): string | undefined {
  if (input?.kind === 'rootfs') return chainOf(input.stack);
  if (input?.kind !== 'fetched' || input.tree.kind !== 'layer') return undefined;
  return `${chainOf([input.tree.layer])} ${input.mtimeNs ?? 'epoch'}`;
}

async function planAll(step: Step<CopyOp>, session: BuildSession, context: StepContext | undefined): Promise<CopyPlan> {
  return session.memoize(`plan ${step.vertex.id}`, async () => {
    const root = step.op.link ? undefined : await session.rootTree(rootfsOf(step).stack);
    const destination = new Destination(root);
    const owner = step.op.chown === undefined ? undefined : await ownerOf(step.op.chown, root, context);
    for (const source of step.op.sources)
      await planSource(destination, { step, session, source, owner, unpack: 'open' });
    return destination.plan((mtimeNs) => session.clamp(mtimeNs));
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
  const linkScope = {};
  const named = excludeFilter(op.excludes);
  const excludes = source.kind === 'parents' ? parentsFilter(source.pattern, named) : named;
  const input = source.kind === 'inline' ? undefined : step.inputs[source.input];
  const isOwned = input?.kind === 'rootfs';
  const attributes = attributesOf(op, session, {
    owner: owner ?? (isOwned ? undefined : { uid: 0, gid: 0 }),
    time: isOwned
      ? (mtimeNs) => session.clamp(mtimeNs)
      : () => (input?.kind === 'fetched' ? input.mtimeNs : undefined) ?? session.epochNs,
  });
  for (const selected of await select(step, session, source)) {
    if (request.unpack === 'open' && 'unpack' in source && source.kind !== 'parents' && source.unpack) {
      const archive = await openArchive(selected.node, session.spool);
      if (archive !== undefined) {
        planArchive(destination, archive, {
          selected,
          destination: op.destination,
          // An archive says of everything in it what its mode is.
          attributes: { ...attributes, parentMode: 0o755, owner, time: (mtimeNs) => session.clamp(mtimeNs) },
        });
        continue;
      }
    }
    planCopy(destination, { selected, destination: op.destination, attributes, excludes, linkScope });
  }
}

async function select(step: Step<CopyOp>, session: BuildSession, source: CopySource): Promise<readonly Selected[]> {
  if (source.kind === 'inline') return [inlineSource(source.file)];
  if (source.kind === 'fetched') {
    const result = step.inputs[source.input];
    invariant(result?.kind === 'fetched', 'a fetched source was fetched');
    return [await fetchedSource(result, session)];
  }
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
  if (result.kind === 'fetched') {
    const { name, node } = await fetchedSource(result, session);
    return { root: name === '' ? node : directoryOf(name, node), title: 'what was fetched' };
  }
  const root = await session.rootTree(result.stack);
  return { root: root ?? EMPTY_DIRECTORY, title: 'the files of that stage or image' };
}

/** What was fetched, taken literally: names are no patterns. */
async function fetchedSource({ tree }: FetchedResult, session: BuildSession): Promise<Selected> {
  if (tree.kind === 'file') return { path: tree.name, name: tree.name, node: fetchedFile(tree.file) };
  return { path: '', name: '', node: (await session.rootTree([tree.layer])) ?? EMPTY_DIRECTORY };
}

function attributesOf(op: CopyOp, session: BuildSession, from: Pick<CopyAttributes, 'owner' | 'time'>): CopyAttributes {
  const changeMode: ModeChange | undefined = op.chmod === undefined ? undefined : parseFileMode(op.chmod);
  const isOctal = op.chmod !== undefined && /^[0-7]+$/.test(op.chmod);
  return {
    ...from,
    changeMode,
    // They are made as by mkdir, under the umask 022.
    parentMode: isOctal && changeMode !== undefined ? changeMode(0o755, true) & 0o755 : 0o755,
    epochNs: session.epochNs,
  };
}
