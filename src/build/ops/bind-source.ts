import { framedHash, ShaleError, toText, type ByteString } from '../../base/index.ts';
import type { ExecMount, ExecOp } from '../../graph/index.ts';
import type { DiffId } from '../../oci/index.ts';
import type { StepContext } from '../../solver/index.ts';
import { Destination } from '../copy/destination.ts';
import type { CopyAttributes } from '../copy/graft.ts';
import { planCopy } from '../copy/plan.ts';
import { PLAIN, type CopyPlan } from '../copy/planned.ts';
import { followSource } from '../copy/select.ts';
import type { SourceNode } from '../copy/source-tree.ts';
import { chainOf } from '../result.ts';
import type { BuildSession } from '../session.ts';
import { sourceTree } from './copy.ts';
import { describeEntries, settleContents } from './describe.ts';
import type { Step } from './operation.ts';
import { writePlanned } from './write-layer.ts';

/** A mount of RUN that shows files of a context, stage or image. */
export interface BoundMount {
  /** Its place among the mounts of the step. */
  readonly index: number;
  /** Index into the step's inputs. */
  readonly input: number;
  readonly source: ByteString;
  readonly target: ByteString;
}

/** The mounts of a step that take files from somewhere: all binds, and caches that start from something. */
export function boundMounts(op: ExecOp): BoundMount[] {
  return op.mounts.flatMap((mount, index) => boundMount(mount, index) ?? []);
}

export function boundMount(mount: ExecMount, index: number): BoundMount | undefined {
  if ((mount.kind !== 'bind' && mount.kind !== 'cache') || mount.input === undefined) return undefined;
  const { input, source, target } = mount;
  return { index, input, source, target };
}

/** What a step's result depends on through its mounts. */
export interface MountInputs {
  readonly some: readonly (readonly [name: string, value: string])[];
  /** Files that are shown, made while they are asked for. */
  readonly files: readonly (() => Iterable<readonly [name: string, value: string]>)[];
}

/**
 * What a step's result depends on through its mounts, by name. `definition` names stages and images by their identity;
 * `content` by the files that are shown. Of a context it is the files either way.
 */
export async function mountInputs(
  step: Step<ExecOp>,
  session: BuildSession,
  by: 'definition' | 'content',
): Promise<MountInputs> {
  const some: [string, string][] = [];
  const files: MountInputs['files'][number][] = [];
  for (const bound of boundMounts(step.op)) {
    const { index, input, source } = bound;
    const result = step.inputs[input];
    if (result?.kind === 'rootfs' && (by === 'definition' || source === '/')) {
      some.push([`mounted:${index}`, `${chainOf(result.stack)} ${toText(source)}`]);
      continue;
    }
    const plan = await planBound(step, session, bound);
    await settleContents(plan);
    files.push(() => named(describeEntries(plan.byOrigin()), index));
  }
  return { some, files };
}

function* named(
  described: Iterable<readonly [string, string]>,
  mount: number,
): Generator<readonly [name: string, value: string]> {
  for (const [name, value] of described) yield [`${name} (mount ${mount})`, value];
}

/** What a mount shows or begins with, named by its content, whatever made it. */
export async function boundContent(step: Step<ExecOp>, session: BuildSession, bound: BoundMount): Promise<string> {
  const result = step.inputs[bound.input];
  if (result?.kind === 'rootfs') return `${chainOf(result.stack)} ${toText(bound.source)}`;
  const plan = await planBound(step, session, bound);
  await settleContents(plan);
  let length = 0;
  for (const _one of plan.entries()) length++;
  return framedHash('shale-bound-files/1', {
    length,
    [Symbol.iterator]: () => describeEntries(plan.entries()),
  });
}

/** The files that a mount shows, as a layer that holds nothing else; they stand at the mount's target. */
export async function boundLayer(
  step: Step<ExecOp>,
  session: BuildSession,
  context: StepContext,
  bound: BoundMount,
): Promise<DiffId> {
  const content = await boundContent(step, session, bound);
  const make = async (): Promise<DiffId> => writePlanned(await planBound(step, session, bound), session, context);
  return session.memoize(`bound layer ${content} at ${bound.target}`, make);
}

function planBound(step: Step<ExecOp>, session: BuildSession, bound: BoundMount): Promise<CopyPlan> {
  return session.memoize(`bound ${step.vertex.id} ${bound.index}`, async () => {
    const fromContext = step.inputs[bound.input]?.kind !== 'rootfs';
    const node = followSource(await sourceTree(step, session, bound.input), bound.source.slice(1));
    if (node.kind !== 'directory' && node.kind !== 'file')
      throw new ShaleError('MOUNT_SOURCE_KIND', `cannot mount ${toText(bound.source)}: it is no file and no directory`);
    const destination = new Destination(undefined);
    const attributes = attributesOf(session, fromContext);
    if (node.kind === 'directory') putTop(destination, node, { bound, attributes, fromContext });
    const selected = { path: bound.source.slice(1), name: '', node };
    planCopy(destination, {
      selected,
      destination: bound.target,
      attributes,
      excludes: undefined,
      linkScope: {},
    });
    return destination.plan((mtimeNs) => session.clamp(mtimeNs));
  });
}

/** A mounted directory looks as its source does; the root of a context belongs to whoever keeps it there. */
function putTop(
  destination: Destination,
  node: SourceNode,
  at: { readonly bound: BoundMount; readonly attributes: CopyAttributes; readonly fromContext: boolean },
): void {
  const { attributes, bound, fromContext } = at;
  const isRoot = fromContext && bound.source === '/';
  const entry = {
    ...PLAIN,
    path: bound.target.replace(/^\/+/, ''),
    kind: 'directory',
    mode: isRoot ? 0o755 : node.mode,
    uid: attributes.owner?.uid ?? node.uid,
    gid: attributes.owner?.gid ?? node.gid,
    mtimeNs: attributes.time(node.mtimeNs),
  } as const;
  destination.put(entry, undefined, '');
}

/** As COPY: files of a context belong to root and have the build's time, files of a stage keep what they have. */
function attributesOf(session: BuildSession, fromContext: boolean): CopyAttributes {
  return {
    owner: fromContext ? { uid: 0, gid: 0 } : undefined,
    changeMode: undefined,
    parentMode: 0o755,
    epochNs: session.epochNs,
    time: fromContext ? () => session.epochNs : (mtimeNs) => session.clamp(mtimeNs),
  };
}
