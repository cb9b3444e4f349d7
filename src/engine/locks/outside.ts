import type { Sources, StepTraffic } from '../../build/index.ts';
import type { Platform, Reference } from '../../oci/index.ts';
import type { BuildInput } from '../build-contexts.ts';
import type { EngineContext } from '../context.ts';
import type { BuildRequest, Watch } from '../types.ts';
import { lockPathOf, readLock, requireLock, type FoundLock } from './lock-place.ts';
import type { ResolvedBase } from './pins.ts';
import type { Recording } from './recording.ts';

/** How a build takes what is not on this machine: as it comes, as a lock says, or watched. */
export interface Outside {
  /** Tells builds apart that take different things under one name. */
  readonly name: string;
  base(
    reference: Reference,
    platform: Platform,
    resolve: (reference: Reference) => Promise<ResolvedBase>,
  ): Promise<ResolvedBase>;
  over(sources: Sources): Sources;
  /** The network of RUN, where it is not the build's own. */
  readonly traffic: StepTraffic | undefined;
}

/** Who watches a build. */
export interface Recorder {
  readonly recording: Recording;
  /** Hears which Dockerfile is built; gives the lock whose bases and sources are to be taken, where they are. */
  readonly onDockerfile: (dockerfile: BuildInput['dockerfile']) => FoundLock | undefined;
}

const FREE: Outside = {
  name: '',
  base: (reference, _platform, resolve) => resolve(reference),
  over: (sources) => sources,
  traffic: undefined,
};

/**
 * What a request has to do with the lock file beside its Dockerfile.
 * @throws LOCK_NOT_FOUND, LOCK_PLACE, LOCK_INVALID, LOCK_TOO_NEW, LOCK_INCOMPLETE
 */
export async function outsideOf(
  context: EngineContext,
  request: BuildRequest,
  at: { readonly input: BuildInput; readonly watch: Watch; readonly recorder?: Recorder | undefined },
): Promise<Outside> {
  const { dockerfile } = at.input;
  if (at.recorder !== undefined) {
    const kept = at.recorder.onDockerfile(dockerfile);
    return watched(at.recorder.recording, kept === undefined ? FREE : await pinned(context, kept, at.watch));
  }
  if (request.lock === 'ignore' || (request.lock === undefined && dockerfile.path === undefined)) return FREE;
  const path = lockPathOf(dockerfile);
  const offline = request.lock === 'replay';
  const found = offline ? requireLock(path) : readLock(path);
  if (found === undefined) return FREE;
  const { requireWhole } = await import('./pins.ts');
  if (offline) await requireWhole(context, found);
  const traffic = offline ? (await import('./replaying.ts')).replayingTraffic(context.store, found) : undefined;
  return { ...(await pinned(context, found, at.watch, { offline })), traffic };
}

async function pinned(
  context: EngineContext,
  found: FoundLock,
  watch: Watch,
  { offline }: { readonly offline: boolean } = { offline: false },
): Promise<Outside> {
  const { pinsOf } = await import('./pins.ts');
  const told = new Set<string>();
  const warn = (message: string): void => {
    if (told.has(message)) return;
    told.add(message);
    watch.progress?.({ kind: 'warning', message, time: context.options.now() });
  };
  return { name: found.path, ...pinsOf(context, found, { offline, warn }), traffic: undefined };
}

function watched(recording: Recording, below: Outside): Outside {
  return {
    name: 'recorded',
    async base(reference, platform, resolve) {
      const resolved = await below.base(reference, platform, resolve);
      recording.takeBase(reference, platform, resolved);
      return resolved;
    },
    over: (sources) => recording.watch(below.over(sources)),
    traffic: recording.traffic,
  };
}
