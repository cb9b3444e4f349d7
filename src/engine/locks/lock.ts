import { matchesGlob } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import { diffLocks as compare, parseLockFile, type LockChange, type LockFile } from '../../lock/index.ts';
import type { EngineContext } from '../context.ts';
import { buildOne, tidying } from '../builds.ts';
import type { Watch } from '../types.ts';
import { keepArchive, namedBlobs } from './archive.ts';
import { lockPathOf, readLock, requireLock, writeLock, type FoundLock } from './lock-place.ts';
import type { LockOutcome, LockRequest, LockText } from './lock-types.ts';
import { Recording } from './recording.ts';

const NOTHING: LockFile = { bases: [], sources: [], steps: [] };
const SHOWN_MAX = 20;

/** `shale lock` and `shale lock update`: see `LockEngine.lock`. */
export async function lockBuild(context: EngineContext, request: LockRequest, watch: Watch): Promise<LockOutcome> {
  return tidying(context, watch, async () => {
    const outcome = await recordBuild(context, request, watch);
    return { outcome, ranSteps: true };
  });
}

async function recordBuild(context: EngineContext, request: LockRequest, watch: Watch): Promise<LockOutcome> {
  const { store } = context;
  const { build, update, only = [], dryRun } = request;
  const recording = new Recording(store);
  let path: string | undefined;
  let before: FoundLock | undefined;
  const result = await buildOne(
    context,
    { ...build, tags: [], outputs: [], noCache: true, ...(update && only.length === 0 && { pull: true }) },
    watch,
    {
      recorder: {
        recording,
        onDockerfile: (dockerfile) => {
          path = lockPathOf(dockerfile);
          before = update ? requireLock(path) : readLock(path);
          return only.length > 0 ? before : undefined;
        },
      },
    },
  );
  const after = recording.lock;
  const changes = compare(before?.lock ?? NOTHING, after);
  if (path === undefined) throw new ShaleError('INVARIANT', 'a build reads its Dockerfile first');
  if (only.length > 0) refuseWider(changes, only);
  const written = !dryRun && (before === undefined || changes.length > 0 || isOther(before.lock, after));
  if (!dryRun) {
    // What the file names is there before the file is.
    await keepArchive(store, after, path);
    if (written) writeLock(path, after);
  }
  const answers = after.steps.flatMap(({ fetched }) => fetched);
  const packages = new Set(
    answers.flatMap((one) => (one.package === undefined ? [] : [`${one.package} ${one.version}`])),
  );
  let sizeBytes = 0;
  for (const digest of namedBlobs(after).keys()) sizeBytes += (await store.blobs.get(digest)).sizeBytes;
  return {
    path,
    written,
    changes,
    sizeBytes,
    bases: after.bases.length,
    sources: after.sources.length,
    packages: packages.size,
    answers: answers.length,
    redacted: recording.redacted,
    buildId: result.buildId,
    imageId: result.imageId,
  };
}

function isOther(before: LockFile, after: LockFile): boolean {
  return JSON.stringify(before) !== JSON.stringify(after);
}

/** With `--only` the rest stays as it is. Indexes change with every package, and are not counted. */
function refuseWider(changes: readonly LockChange[], only: readonly string[]): void {
  const wider = changes.filter(
    ({ kind, name }) =>
      kind !== 'answer' && !(kind === 'package' && only.some((pattern) => matchesGlob(name, pattern))),
  );
  if (wider.length === 0) return;
  const more = wider.length - SHOWN_MAX;
  const lines = wider
    .slice(0, SHOWN_MAX)
    .map(({ name, before = 'new', after = 'gone' }) => `\n  ${name.split('\n')[0] ?? ''}: ${before} → ${after}`);
  throw new ShaleError(
    'LOCK_WIDER',
    `more than ${only.join(', ')} would change:${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`,
    {
      data: { changes: wider },
      hint: 'name these too with --only, or update everything: shale lock update',
    },
  );
}

/** `shale lock diff`. @throws LOCK_NOT_FOUND, LOCK_INVALID */
export async function compareLocks(before: LockText, after: LockText): Promise<LockChange[]> {
  return compare(lockOf(before), lockOf(after));
}

function lockOf(text: LockText): LockFile {
  return text.kind === 'file' ? requireLock(text.path).lock : parseLockFile(text.bytes, text.name);
}
