import { messageOf, ShaleError } from '../base/index.ts';
import type { Fix, LintFinding } from '../dockerfile/index.ts';
import type { BuildRequest, Engine, ImageDiff, Watch } from '../engine/index.ts';

export interface VerifyRequest {
  readonly engine: Pick<Engine, 'build' | 'diffImages' | 'images' | 'removeImage'>;
  /** What is built, but for the Dockerfile. */
  readonly build: Omit<BuildRequest, 'dockerfile' | 'tags' | 'outputs'>;
  readonly before: string;
  readonly after: string;
  readonly mended: readonly LintFinding[];
  readonly watch: Watch;
  /** Milliseconds. */
  readonly now: () => number;
}

/** What two builds have shown of a fix. */
export interface Verification {
  /**
   * `same`: the two root file systems hold the same. `caches`: only lists and caches of package managers differ, as the
   * fixes say. `differs`: something else does.
   */
  readonly result: 'same' | 'caches' | 'differs';
  /** What the fixes claim allows the result. */
  readonly isAsClaimed: boolean;
  readonly diff: ImageDiff;
  /** What the image has less of all files, below zero for more. */
  readonly bytesWon: number;
  readonly secondsBefore: number;
  readonly secondsAfter: number;
}

type Effect = Fix['effect'];

/** Places where package managers keep what can be fetched again. */
const CACHES: readonly string[] = [
  '/var/lib/apt/lists',
  '/var/cache',
  '/var/lib/apk/cache',
  '/root/.cache',
  '/root/.npm',
  '/usr/local/share/.cache',
  '/var/log/lastlog',
  '/var/log/faillog',
  '/var/lib/dnf',
  '/var/lib/yum',
  '/var/log',
];

/**
 * Builds a Dockerfile as it was and as it is mended, and compares what came out. The images are taken away again where they
 * were not there before; what the cache has learned stays.
 * @throws whatever the builds throw: LINT_UNVERIFIED_BEFORE when already the old file cannot be built
 */
export async function verifyFix(request: VerifyRequest): Promise<Verification> {
  const { engine, mended } = request;
  const there = new Set((await engine.images({ all: true })).map(({ id }) => id));
  const before = await buildText(request, request.before).catch((error: unknown) => {
    throw new ShaleError(
      'LINT_UNVERIFIED_BEFORE',
      `the file cannot be built as it is, so that no fix can be verified: ${messageOf(error)}`,
      {
        cause: error,
        hint: 'leave --verify out to mend it all the same',
      },
    );
  });
  const after = await buildText(request, request.after);
  try {
    const diff = await engine.diffImages(before.imageId, after.imageId);
    const result = resultOf(diff);
    const claim = worstEffect(mended.map(({ fix }) => fix?.effect ?? 'none'));
    return {
      result,
      isAsClaimed: claim === 'files' || result === 'same' || (claim === 'caches' && result === 'caches'),
      diff,
      bytesWon: bytesWon(diff),
      secondsBefore: before.seconds,
      secondsAfter: after.seconds,
    };
  } finally {
    for (const id of new Set([before.imageId, after.imageId])) {
      if (!there.has(id)) await engine.removeImage(id, { force: false });
    }
  }
}

async function buildText(
  { engine, build, watch, now }: VerifyRequest,
  text: string,
): Promise<{ readonly imageId: string; readonly seconds: number }> {
  const started = now();
  const dockerfile = { kind: 'stream', bytes: oneChunk(text) } as const;
  const { imageId } = await engine.build({ ...build, tags: [], dockerfile }, watch);
  return { imageId, seconds: (now() - started) / 1000 };
}

async function* oneChunk(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

function worstEffect(effects: readonly Effect[]): Effect {
  const order: readonly Effect[] = ['none', 'config', 'caches', 'files'];
  return order[Math.max(0, ...effects.map((effect) => order.indexOf(effect)))] ?? 'files';
}

function resultOf({ files }: ImageDiff): Verification['result'] {
  const all = [...files.added, ...files.removed, ...files.changed];
  if (all.length === 0) return 'same';
  return all.every(({ path }) => isCache(path)) ? 'caches' : 'differs';
}

function isCache(path: string): boolean {
  return CACHES.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

function bytesWon({ files }: ImageDiff): number {
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  const removed = sum(files.removed.map(({ sizeBytes }) => sizeBytes));
  const added = sum(files.added.map(({ sizeBytes }) => sizeBytes));
  return removed - added + sum(files.changed.map(({ sizeBytes, sizeBytesBefore }) => sizeBytesBefore - sizeBytes));
}

/** Paths that are named. */
const PATHS_MAX = 8;

/** The verification for people, in lines. */
export function formatVerification({ result, isAsClaimed, diff, bytesWon: won, ...times }: Verification): string {
  const { added, removed, changed } = diff.files;
  const counts = [
    ...(removed.length === 0 ? [] : [`${removed.length} removed`]),
    ...(added.length === 0 ? [] : [`${added.length} added`]),
    ...(changed.length === 0 ? [] : [`${changed.length} changed`]),
  ].join(', ');
  const heads = {
    same: 'verified: same root file system',
    caches: `verified: same root file system but for caches of package managers (${counts})`,
    differs: isAsClaimed
      ? `built: the root file system differs (${counts})`
      : `not verified: the root file system differs (${counts})`,
  };
  const paths = result === 'same' ? [] : [...removed, ...added, ...changed].map(({ path }) => path);
  const shown = paths.slice(0, PATHS_MAX).map((path) => `  ${path}`);
  const more = paths.length > PATHS_MAX ? [`  and ${paths.length - PATHS_MAX} more`] : [];
  const config = diff.config.map(
    ({ field, before = 'nothing', after = 'nothing' }) => `  config ${field}: ${before} → ${after}`,
  );
  return `${[heads[result], ...shown, ...more, ...config, wonText(diff, won, times)].join('\n')}\n`;
}

function wonText(
  { before, after }: ImageDiff,
  won: number,
  { secondsBefore, secondsAfter }: Pick<Verification, 'secondsBefore' | 'secondsAfter'>,
): string {
  const layers = before.layers === after.layers ? '' : `; ${before.layers} → ${after.layers} layers`;
  const image = before.sizeBytes - after.sizeBytes;
  const built = `built in ${secondsBefore.toFixed(1)} s and ${secondsAfter.toFixed(1)} s, steps from the cache included`;
  return `  ${signed(won)} of files, ${signed(image)} of layers${layers}; ${built}`;
}

function signed(bytes: number): string {
  const text = Math.abs(bytes).toLocaleString('en');
  return bytes === 0 ? '0 bytes' : bytes > 0 ? `${text} bytes less` : `${text} bytes more`;
}
