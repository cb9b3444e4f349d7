import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, ShaleError, toText } from '../../base/index.ts';
import type { CacheMount } from '../../graph/index.ts';
import { mountLayerOf, unpackStored, type MountedPlace, type MountHost } from '../../mounts/index.ts';
import { resolveUser, type Identity, type MountSpec } from '../../runtime/index.ts';
import type { CacheMountUse, CacheMountWish, HeldCacheMount } from '../../store/index.ts';
import { boundContent, boundLayer, boundMount, type BoundMount } from '../ops/bind-source.ts';
import { userDatabase } from '../ops/owner.ts';
import type { StepRequest } from './step-runner.ts';

/** A cache mount of a step, with its target found. */
export interface AskedCacheMount {
  readonly mount: CacheMount;
  /** Its place among the mounts of the step. */
  readonly index: number;
  readonly target: string;
}

const DIRECTORY_MODE = 0o755;
/** Who waits for less need not hear of it. */
const NOTICE_AFTER_MS = 300;

/**
 * Takes the cache mounts of a step and holds them until the resources are disposed; then says how long they were of use.
 * What is mounted was found below the mount's own directory through descriptors: what earlier steps left there, links
 * included, leads nowhere else.
 * Where the network of steps is watched each gets an empty one, which goes with it: what earlier builds fetched is not here
 * when the build is done elsewhere.
 * @throws MOUNT_SOURCE_MISSING
 */
export async function openCacheMounts(
  { host, folder }: { readonly host: MountHost; readonly folder: string },
  request: StepRequest,
  caches: readonly AskedCacheMount[],
  resources: AsyncDisposableStack,
): Promise<MountSpec[]> {
  const { session, context } = request;
  const { cacheMounts } = session.layers.store;
  const wishes: CacheMountWish[] = [];
  for (const cache of caches) wishes.push(await wishOf(request, cache));
  const onWait = (name: string): void =>
    context.log('stderr', Buffer.from(`waiting for the cache mount ${name}, which another step is using\n`));
  const use =
    session.traffic === undefined
      ? await cacheMounts.acquire(wishes, { signal: context.signal, onWait, noticeAfterMs: NOTICE_AFTER_MS })
      : emptyOnes(wishes, folder);
  resources.use(use);
  if (session.traffic === undefined) {
    const startedMs = performance.now();
    resources.defer(async () => {
      const costMs = performance.now() - startedMs;
      for (const id of new Set(use.mounts.map((held) => held.id))) await cacheMounts.addCost(id, costMs);
    });
  }
  const specs: MountSpec[] = [];
  const prepared = new Set<string>();
  for (const [i, cache] of caches.entries()) {
    const held = use.mounts[i];
    if (held === undefined) continue;
    if (!prepared.has(held.id)) {
      await prepare(request, cache, held);
      if (held.fresh) await use.ready(held.id);
      prepared.add(held.id);
    }
    const place = resources.use(await inside(host, held.path, cache.mount));
    specs.push(bindSpec(place, cache.target, !cache.mount.writable));
  }
  return specs;
}

/** Equal wishes give the same one, as those of the store. They lie in the step's folder, and are gone with it. */
function emptyOnes(wishes: readonly CacheMountWish[], folder: string): CacheMountUse {
  const identities = wishes.map(({ name, base, owner }) => JSON.stringify([name, base, owner]));
  return {
    mounts: identities.map((identity) => {
      const id = `cache-${identities.indexOf(identity)}`;
      return { id, path: join(folder, id), fresh: true };
    }),
    ready: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

export function bindSpec(place: MountedPlace, target: string, readonly: boolean): MountSpec {
  const sourceKind = place.isDirectory ? 'directory' : 'file';
  return { kind: 'bind', source: place.path, sourceKind, target, readonly };
}

/** Who the step runs as, from the databases of its root filesystem. @throws USER_UNKNOWN */
export async function userOf({ step, stack, session }: StepRequest): Promise<Identity> {
  return session.memoize(`user ${step.vertex.id}`, async () =>
    resolveUser(step.op.user, [], userDatabase(await session.rootTree(stack))),
  );
}

async function wishOf(request: StepRequest, { mount, index, target }: AskedCacheMount): Promise<CacheMountWish> {
  const bound = boundMount(mount, index);
  return {
    // A name that was taken from a target in a home directory says whose.
    name: mount.id.startsWith('$HOME') ? target : mount.id,
    base: bound && (await boundContent(request.step, request.session, bound)),
    owner: mount.owner,
    sharing: mount.sharing,
  };
}

/** Makes a fresh one with what it begins with, and gives it to whom it belongs. */
async function prepare(request: StepRequest, cache: AskedCacheMount, held: HeldCacheMount): Promise<void> {
  const { path, fresh } = held;
  const { mount, index } = cache;
  const bound = boundMount(mount, index);
  if (fresh && bound !== undefined) await fill(request, bound, path);
  else if (fresh) mkdirSync(path, { mode: DIRECTORY_MODE });
  if (mount.owner !== undefined) {
    if (!fresh) return;
    chownSync(path, mount.owner.uid, mount.owner.gid);
    chmodSync(path, mount.owner.mode);
    return;
  }
  if (fresh && bound === undefined) chmodSync(path, DIRECTORY_MODE);
  const { uid, gid } = await userOf(request);
  // Root can write anyway; and what root has made shall not be taken from the user who owned it before.
  if (uid !== 0 && statSync(path).uid !== uid) chownSync(path, uid, gid);
}

async function fill(request: StepRequest, bound: BoundMount, directory: string): Promise<void> {
  const { step, session, context } = request;
  const layer = await session.layers.open(await boundLayer(step, session, context, bound));
  unpackStored(mountLayerOf(layer), { directory, at: bound.target.replace(/^\/+/, '') });
}

async function inside(host: MountHost, directory: string, mount: CacheMount): Promise<MountedPlace> {
  // With `from`, the source has been taken from there already.
  const source = mount.input === undefined ? mount.source : '';
  try {
    return await host.mountInside(directory, source);
  } catch (cause) {
    if (!isShaleError(cause, 'MOUNT_SOURCE_MISSING')) throw cause;
    throw new ShaleError('MOUNT_SOURCE_MISSING', `the cache mount ${mount.id} holds no ${toText(source)}`, {
      cause,
      hint: 'a step can make it in the cache mount without "source"',
    });
  }
}
