import { join } from 'node:path';
import { isShaleError, JsonReader, ShaleError } from '../../base/index.ts';
import { readLocalFile } from '../../build/index.ts';
import { DOCKERFILE_MAX_BYTES } from '../../dockerfile/index.ts';
import { findImage, readConfig } from '../../images/index.ts';
import { digestOf } from '../../oci/index.ts';
import type { BuildRecord } from '../../store/index.ts';
import { getBuild } from '../build-records.ts';
import { buildOne } from '../builds.ts';
import type { EngineContext } from '../context.ts';
import type { BuildRequest, Watch } from '../types.ts';
import { makeWorkFolder } from '../work-folders.ts';
import { copyContext } from './copy-context.ts';
import { imageDifferences } from './image-differences.ts';
import { blameClock, clockReport, openClock } from './step-clock.ts';
import { enterOtherSurroundings, otherProcessors } from './surroundings.ts';
import type { RebuildReport, RebuildRequest } from './verify-types.ts';
import { waitPastSecond } from './wait-past-second.ts';

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
  const record = await getBuild(store, request.name).catch(async (error: unknown) => {
    throw isShaleError(error, 'BUILD_NOT_FOUND') ? await perhapsOfABase(context, request.name, error) : error;
  });
  const image = record.imageId === undefined ? undefined : await findImage(store, record.imageId);
  if (image === undefined || image.set !== undefined)
    throw new ShaleError('VERIFY_IMPOSSIBLE', `what build ${record.id} made is not in the store as one image`, {
      hint: 'verify what was built into the store, for one platform',
    });
  await using folder = await makeWorkFolder(store);
  const again = requestOf(record, request);
  const { now } = context.options;
  await waitPastSecond(record.endedAt ?? record.startedAt, now(), watch.signal);
  const clock = await openClock(context, request.clockAheadSeconds, folder.path, watch);
  const { varied, notVaried, ...other } = vary(again, folder.path, { record, nowMs: now() });
  using _elsewhere = other.elsewhere;
  refuseOtherDockerfile(record, other.request);
  const how = { isolated: true, ...('setFor' in clock && { clock }) };
  const built = await buildOne(context, other.request, watch, how).catch((error: unknown) => {
    throw blameClock(error, clock);
  });
  const [rebuilt] = built.configs;
  if (rebuilt === undefined) throw new ShaleError('INVARIANT', 'a build makes an image');
  const original = await readConfig(store, image.record.id);
  const steps = clockReport(clock);
  return {
    image: image.record.id,
    build: record.id,
    rebuilt: built.imageId,
    rebuild: built.buildId,
    identical: built.imageId === image.record.id,
    varied: [...varied, ...steps.varied],
    notVaried: [...notVaried, ...steps.notVaried],
    ...(await imageDifferences(layers, original, rebuilt)),
  };
}

/** A base image has no record of a build: it is verified by the command that made it. */
async function perhapsOfABase({ store }: EngineContext, name: string, error: ShaleError): Promise<ShaleError> {
  const image = await findImage(store, name);
  const made = image === undefined ? undefined : (await readConfig(store, image.record.id)).history[0];
  const [, distribution] = /^# (debian|alpine) /.exec(made?.createdBy ?? '') ?? [];
  if (distribution === undefined || made?.comment?.startsWith('shale ') !== true) return error;
  const hint = `shale base ${distribution} --verify verifies a base image, with the options that it was made with`;
  return new ShaleError(error.code, error.message, { cause: error, hint });
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
  const processors = otherProcessors('processors of steps');
  if (request.stepConfig?.CpusetCpus !== undefined)
    notVaried.push({ what: 'processors of steps', why: 'the build names them' });
  else if ('notVaried' in processors) notVaried.push(processors.notVaried);
  else {
    moved = { ...moved, stepConfig: { ...moved.stepConfig, CpusetCpus: processors.cpuset } };
    varied.push(processors.varied);
  }
  const ended = record.endedAt ?? record.startedAt;
  varied.push({ what: 'time', was: new Date(ended).toISOString(), is: new Date(nowMs).toISOString() });
  const elsewhere = enterOtherSurroundings();
  return {
    request: moved,
    varied: [...varied, ...elsewhere.varied],
    notVaried: [...notVaried, ...elsewhere.notVaried],
    elsewhere,
  };
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
