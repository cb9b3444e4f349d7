import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isShaleError, isSystemError, JsonReader, ShaleError } from '../../base/index.ts';
import { readLocalFile } from '../../build/index.ts';
import { DOCKERFILE_MAX_BYTES } from '../../dockerfile/index.ts';
import { findImage, readConfig } from '../../images/index.ts';
import { digestOf, type ImageConfig } from '../../oci/index.ts';
import { enterHostname } from '../../runtime/index.ts';
import type { BuildRecord } from '../../store/index.ts';
import { getBuild } from '../build-records.ts';
import { buildOne } from '../builds.ts';
import type { EngineContext } from '../context.ts';
import { configChanges } from '../image-diff.ts';
import type { BuildRequest, Watch } from '../types.ts';
import { makeWorkFolder } from '../work-folders.ts';
import { copyContext } from './copy-context.ts';
import { layerDifferences } from './layer-differences.ts';
import { clockAhead, findClockLibrary, type ClockAhead } from './step-clock.ts';
import type { VerifyDifference, RebuildReport, RebuildRequest } from './verify-types.ts';

const DIFFERENCES_MAX = 1000;
const OTHER_HOSTNAME = 'elsewhere';
const OTHER_UMASK = 0o077;
const LATER_MS = 1001;
/** Another day, hour, minute and second; certificates and lists that are good for a week still are. */
const CLOCK_AHEAD_SECONDS = 90_061;

/**
 * `shale verify`: builds again what an image was built from, without the cache and with other surroundings, and compares.
 * Nothing of the second build is kept but its record.
 * @throws BUILD_NOT_FOUND, VERIFY_IMPOSSIBLE, and what building throws
 */
export async function verifyBuild(
  context: EngineContext,
  request: RebuildRequest,
  watch: Watch,
): Promise<RebuildReport> {
  const { store, layers } = context;
  const record = await getBuild(store, request.name);
  const image = record.imageId === undefined ? undefined : await findImage(store, record.imageId);
  if (image === undefined || image.set !== undefined)
    throw new ShaleError('VERIFY_IMPOSSIBLE', `what build ${record.id} made is not in the store as one image`, {
      hint: 'verify what was built into the store, for one platform',
    });
  await using folder = await makeWorkFolder(store);
  const again = requestOf(record, request);
  const { now } = context.options;
  await laterThan(record, now(), watch.signal);
  const clock = await openClock(context, request, folder.path, watch);
  const { varied, notVaried, ...other } = vary(again, folder.path, { record, nowMs: now() });
  using _elsewhere = other.elsewhere;
  refuseOtherDockerfile(record, other.request);
  const how = { isolated: true, ...('setFor' in clock && { clock }) };
  const built = await buildOne(context, other.request, watch, how).catch((error: unknown) => {
    throw 'setFor' in clock ? perhapsOfTheClock(error) : error;
  });
  const [rebuilt] = built.configs;
  if (rebuilt === undefined) throw new ShaleError('INVARIANT', 'a build makes an image');
  const original = await readConfig(store, image.record.id);
  const found: VerifyDifference[] = [];
  let more = 0;
  for await (const difference of differencesOf(layers, original, rebuilt)) {
    if (found.length < DIFFERENCES_MAX) found.push(difference);
    else more++;
  }
  const steps = 'report' in clock ? clock.report() : { varied: [], notVaried: [clock] };
  return {
    image: image.record.id,
    build: record.id,
    rebuilt: built.imageId,
    rebuild: built.buildId,
    identical: built.imageId === image.record.id,
    varied: [...varied, ...steps.varied],
    notVaried: [...notVaried, ...steps.notVaried],
    differences: found,
    moreDifferences: more,
  };
}

/** What the record says, completed by what was given. @throws VERIFY_IMPOSSIBLE */
function requestOf(record: BuildRecord, { build }: RebuildRequest): BuildRequest {
  const details = new JsonReader(record.details ?? {}, `the record of build ${record.id}`, 'STORE_DAMAGED');
  const path = details.string('context');
  const missing = (details.strings('buildArgs') ?? []).filter((name) => !(name in build.buildArgs));
  if (missing.length > 0)
    throw new ShaleError('VERIFY_IMPOSSIBLE', `the build was given ${missing.join(', ')}, and values are not kept`, {
      hint: missing.map((name) => `--build-arg ${name}=VALUE`).join(' '),
    });
  const context = build.context ?? (path?.startsWith('/') === true ? { kind: 'directory' as const, path } : undefined);
  if (context === undefined)
    throw new ShaleError('VERIFY_IMPOSSIBLE', `the context of build ${record.id} was no folder of this machine`, {
      hint: 'name it behind the image',
    });
  const target = build.target ?? details.string('target');
  const dockerfile = details.string('dockerfilePath');
  const lock = details.string('lock');
  const platform = details.string('platform');
  return {
    ...build,
    context,
    ...(build.dockerfile === undefined &&
      dockerfile !== undefined && { dockerfile: { kind: 'file', path: dockerfile } }),
    ...(target !== undefined && { target }),
    ...(build.platforms === undefined && platform !== undefined && { platforms: [platform] }),
    ...(build.lock === undefined && (lock === 'replay' || lock === 'ignore') && { lock }),
    ...(details.boolean('squash') === true && { squash: true }),
    tags: [],
    outputs: [],
    noCache: true,
    pull: false,
    keepNoise: details.boolean('keepNoise') === true,
  };
}

interface Varied extends Pick<RebuildReport, 'varied' | 'notVaried'> {
  readonly request: BuildRequest;
  /** Ends the other surroundings. */
  readonly elsewhere: Disposable;
}

/** The same build in another folder, with other files' order and times, umask, host name and number of processors. */
function vary(
  request: BuildRequest,
  folder: string,
  { record, nowMs }: { readonly record: BuildRecord; readonly nowMs: number },
): Varied {
  const varied: { what: string; was: string; is: string }[] = [];
  const notVaried: { what: string; why: string }[] = [];
  let moved = request;
  if (request.context.kind === 'directory') {
    const { path } = request.context;
    const copy = join(folder, 'elsewhere');
    copyContext(path, copy);
    const { dockerfile } = request;
    const isWithin = dockerfile?.kind === 'file' && dockerfile.path.startsWith(`${path}/`);
    moved = {
      ...request,
      context: { kind: 'directory', path: copy },
      ...(isWithin && { dockerfile: { kind: 'file', path: join(copy, dockerfile.path.slice(path.length)) } }),
    };
    varied.push({ what: 'folder', was: path, is: copy }, { what: 'order of files', was: 'as found', is: 'reversed' });
  } else notVaried.push({ what: 'folder', why: 'the context is no folder' });
  using ends = new DisposableStack();
  const before = process.umask(OTHER_UMASK);
  ends.defer(() => void process.umask(before));
  varied.push({ what: 'umask', was: octal(before), is: octal(OTHER_UMASK) });
  try {
    const was = hostname();
    ends.use(enterHostname(OTHER_HOSTNAME));
    varied.push({ what: 'host name', was, is: OTHER_HOSTNAME });
  } catch (error) {
    if (!(error instanceof ShaleError) && !isSystemError(error)) throw error;
    notVaried.push({ what: 'host name', why: error.message });
  }
  const count = cpus().length;
  if (count > 1 && request.stepConfig?.CpusetCpus === undefined) {
    moved = { ...moved, stepConfig: { ...moved.stepConfig, CpusetCpus: '0' } };
    varied.push({ what: 'processors of steps', was: String(count), is: '1' });
  } else notVaried.push({ what: 'processors of steps', why: count > 1 ? 'the build names them' : 'there is one' });
  const ended = record.endedAt ?? record.startedAt;
  varied.push({ what: 'time', was: new Date(ended).toISOString(), is: new Date(nowMs).toISOString() });
  return { request: moved, varied, notVaried, elsewhere: ends.move() };
}

/** Another clock for steps, or why there is none. @throws as findClockLibrary */
async function openClock(
  context: EngineContext,
  { clockAheadSeconds }: RebuildRequest,
  folder: string,
  watch: Watch,
): Promise<ClockAhead | RebuildReport['notVaried'][number]> {
  const what = 'clock of steps';
  if (clockAheadSeconds === 0) return { what, why: "the machine's was asked for" };
  const library = await findClockLibrary(context, clockAheadSeconds !== undefined, watch);
  if (library === undefined)
    return { what, why: 'libfaketime is not on this machine: --clock 1d fetches it from the mirror of Debian' };
  return clockAhead(library, clockAheadSeconds ?? CLOCK_AHEAD_SECONDS, join(folder, 'clock'));
}

/** A step may fail because it looks at the clock: certificates and lists of packages have an end. */
function perhapsOfTheClock(error: unknown): unknown {
  if (!isShaleError(error, 'EXEC_FAILED') || error.hint !== undefined) return error;
  const hint = 'its clock was ahead, which may be why: --clock off leaves it';
  return new ShaleError(error.code, error.message, { data: error.data, cause: error, hint });
}

/** Waits until a whole second has passed since a build: a time stamp in seconds is another one then. */
async function laterThan(record: BuildRecord, nowMs: number, signal: AbortSignal): Promise<void> {
  const restMs = (record.endedAt ?? record.startedAt) + LATER_MS - nowMs;
  // No longer than that where the clock was set back.
  if (restMs > 0) await sleep(Math.min(restMs, LATER_MS), undefined, { signal });
}

function octal(mask: number): string {
  return `0${mask.toString(8).padStart(2, '0')}`;
}

/** An image is verified against what it was built from, and not against what became of that. @throws VERIFY_CHANGED */
function refuseOtherDockerfile(record: BuildRecord, request: BuildRequest): void {
  const { dockerfile } = request;
  if (record.dockerfileDigest === undefined || dockerfile?.kind !== 'file') return;
  const { path } = dockerfile;
  const bytes = readLocalFile({ path, what: 'the Dockerfile', maxBytes: DOCKERFILE_MAX_BYTES, within: undefined });
  if (bytes === undefined || digestOf(bytes) === record.dockerfileDigest) return;
  throw new ShaleError(
    'VERIFY_CHANGED',
    `${path} is not the Dockerfile any more that build ${record.id} was made from`,
    {
      hint: 'check the commit out that shale image log names, or name another context behind the image',
    },
  );
}

async function* differencesOf(
  layers: EngineContext['layers'],
  before: ImageConfig,
  after: ImageConfig,
): AsyncGenerator<VerifyDifference> {
  const makers = before.history.filter(({ emptyLayer }) => emptyLayer !== true).map(({ createdBy }) => createdBy);
  const count = Math.max(before.diffIds.length, after.diffIds.length);
  for (let i = 0; i < count; i++) {
    const [one, other] = [before.diffIds[i], after.diffIds[i]];
    if (one === other) continue;
    const madeBy = makers[i];
    const about = { layer: i + 1, ...(madeBy !== undefined && { madeBy }) };
    for await (const difference of layerDifferences(layers, one, other)) yield { ...about, ...difference };
  }
  const [was, is] = [historyText(before), historyText(after)];
  const told = was === is ? [] : [{ field: 'history', before: was, after: is }];
  for (const change of [...configChanges(before, after), ...told]) {
    const kind = change.before === undefined ? 'added' : change.after === undefined ? 'removed' : 'changed';
    const { field } = change;
    yield { path: field, kind, differs: [], cause: 'unknown', mend: 'give the build the same arguments and labels' };
  }
}

function historyText({ history }: ImageConfig): string {
  return JSON.stringify(
    history.map(({ created = '', createdBy = '', comment = '', emptyLayer = false }) => [
      created,
      createdBy,
      comment,
      emptyLayer,
    ]),
  );
}
