import { createReadStream, statSync } from 'node:fs';
import { isJsonObject, isShaleError, isSystemError, JsonReader, ShaleError, typedName } from '../base/index.ts';
import { findImage } from '../images/index.ts';
import type { BuildRecord, BuildStepRecord, Store } from '../store/index.ts';
import type { EngineContext } from './context.ts';
import type { BuildLogChunk, BuildReport, BuildStep, BuildSummary, PruneBuildsRequest } from './build-record-types.ts';
import type { Watch } from './types.ts';
import type { WhyStep } from './why-types.ts';

/** A build by id, unique beginning of one, `latest`, or the image that it made. @throws BUILD_NOT_FOUND, NAME_AMBIGUOUS */
export async function getBuild(store: Store, name: string): Promise<BuildRecord> {
  let ambiguity: unknown;
  const byId = await store.builds.find(name).catch((error: unknown) => {
    // An image may be called as many ids begin.
    if (!isShaleError(error, 'NAME_AMBIGUOUS')) throw error;
    ambiguity = error;
    return undefined;
  });
  if (byId !== undefined) return byId;
  const image = await findImage(store, name);
  if (image === undefined && ambiguity !== undefined) throw ambiguity;
  const byImage = image && (await store.builds.findByImage(image.set?.digest ?? image.record.id));
  if (byImage !== undefined) return byImage;
  if (name === 'latest') throw new ShaleError('BUILD_NOT_FOUND', 'nothing has been built in this store yet');
  const what =
    image === undefined
      ? `${typedName(name)} is no build and no image of this store`
      : `${typedName(name)} was not built in this store`;
  throw new ShaleError('BUILD_NOT_FOUND', what, { hint: 'shale builds ls shows the builds; latest is the last one' });
}

/** `shale builds ls`. Newest first. */
export async function listBuilds({ store }: EngineContext): Promise<BuildSummary[]> {
  const summaries: BuildSummary[] = [];
  for (const record of await store.builds.list(await store.builds.count())) {
    const outcomes = (await store.builds.steps(record.id)).map(outcomeOf);
    const count = (...wanted: readonly WhyStep['outcome'][]): number =>
      outcomes.filter((outcome) => wanted.includes(outcome)).length;
    summaries.push({
      ...aboutBuild(record),
      steps: {
        total: outcomes.length,
        cached: count('cached'),
        ran: count('ran', 'failed'),
        failed: count('failed'),
        canceled: count('canceled'),
      },
    });
  }
  return summaries;
}

/** `shale builds show`. @throws BUILD_NOT_FOUND, NAME_AMBIGUOUS */
export async function buildReport({ store }: EngineContext, name: string): Promise<BuildReport> {
  const record = await getBuild(store, name);
  const details = readDetails(record);
  const epoch = details.integer('epoch');
  const error = details.string('error');
  const bakeTarget = details.string('bakeTarget');
  const more = details.integer('moreWarnings') ?? 0;
  return {
    ...aboutBuild(record),
    ...(record.dockerfileDigest !== undefined && { dockerfileDigest: record.dockerfileDigest }),
    ...(bakeTarget !== undefined && { bakeTarget }),
    noCache: details.boolean('noCache') ?? false,
    buildArgs: details.strings('buildArgs') ?? [],
    ...(epoch !== undefined && { epoch }),
    bases: (details.objects('bases') ?? []).map((base) => {
      const digest = base.string('digest');
      return { reference: base.string('reference') ?? '', ...(digest !== undefined && { digest }) };
    }),
    ...(error !== undefined && { error }),
    warnings: [...(details.strings('warnings') ?? []), ...(more > 0 ? [`${more} more warnings were not kept`] : [])],
    steps: (await store.builds.steps(record.id)).map((step) => aboutStep(store, record.id, step)),
  };
}

/** `shale builds logs`. @throws BUILD_NOT_FOUND, NAME_AMBIGUOUS */
export async function* buildLog(
  { store }: EngineContext,
  name: string,
  query: { readonly step?: number },
  watch: Watch,
): AsyncGenerator<BuildLogChunk> {
  const record = await getBuild(store, name);
  const steps = await store.builds.steps(record.id);
  for (const step of query.step === undefined ? steps : [getStep(record, steps, query.step)]) {
    const piece = { step: step.number, name: step.name, outcome: outcomeOf(step) };
    let isSilent = true;
    for await (const bytes of readLog(store.builds.logPath(record.id, step.number), watch.signal)) {
      isSilent = false;
      yield { ...piece, bytes };
    }
    if (isSilent) yield { ...piece, bytes: new Uint8Array() };
  }
}

/** A step by the number that progress showed. @throws BUILD_NOT_FOUND */
export function getStep(record: BuildRecord, steps: readonly BuildStepRecord[], number: number): BuildStepRecord {
  const step = steps.find((one) => one.number === number);
  if (step !== undefined) return step;
  throw new ShaleError('BUILD_NOT_FOUND', `build ${record.id} has no step ${number}`, {
    hint: `it has ${steps.length} steps: shale builds show ${record.id}`,
  });
}

/** `shale builds rm`. @throws BUILD_NOT_FOUND, NAME_AMBIGUOUS, BUILD_RUNNING */
export async function removeBuild({ store }: EngineContext, name: string): Promise<string> {
  const { id, status } = await getBuild(store, name);
  if (status === 'running')
    throw new ShaleError('BUILD_RUNNING', `build ${id} is still running`, { hint: 'stop it first, or let it end' });
  await store.builds.remove(id);
  return id;
}

/** `shale builds prune`. */
export async function pruneBuilds({ store }: EngineContext, request: PruneBuildsRequest): Promise<readonly string[]> {
  return store.builds.prune({
    ...(request.keep !== undefined && { kept: request.keep }),
    ...(request.startedBeforeMs !== undefined && { startedBefore: request.startedBeforeMs }),
  });
}

const OUTCOMES = { cached: 'cached', done: 'ran', running: 'ran', error: 'failed', canceled: 'canceled' } as const;

/** How a step ended. A base image is neither run nor looked up: it is there. */
export function outcomeOf(step: BuildStepRecord): WhyStep['outcome'] {
  const isBase = isJsonObject(step.details) && step.details['op'] === 'image' && step.status === 'done';
  return isBase ? 'cached' : OUTCOMES[step.status];
}

function aboutBuild(record: BuildRecord): Omit<BuildSummary, 'steps'> {
  const details = readDetails(record);
  const context = details.string('context');
  const target = details.string('target');
  return {
    id: record.id,
    name: record.name,
    status: record.status,
    startedMs: record.startedAt,
    ...(record.endedAt !== undefined && { endedMs: record.endedAt }),
    ...(record.imageId !== undefined && { imageId: record.imageId }),
    dockerfile: details.string('dockerfile') ?? 'Dockerfile',
    ...(context !== undefined && { context }),
    ...(target !== undefined && { target }),
    platform: details.string('platform') ?? '',
    logBytes: details.integer('logBytes') ?? 0,
  };
}

function aboutStep(store: Store, buildId: string, step: BuildStepRecord): BuildStep {
  return {
    number: step.number,
    name: step.name,
    outcome: outcomeOf(step),
    ...(step.startedAt !== undefined && { startedMs: step.startedAt }),
    ...(step.endedAt !== undefined && { endedMs: step.endedAt }),
    ...(step.diffId !== undefined && { layer: step.diffId }),
    logBytes: sizeOf(store.builds.logPath(buildId, step.number)),
  };
}

function readDetails(record: BuildRecord): JsonReader {
  return new JsonReader(record.details ?? {}, `the record of build ${record.id}`, 'STORE_DAMAGED');
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function* readLog(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { signal })) yield chunk as Buffer; // No encoding is set.
  } catch (error) {
    // A step that printed nothing has no file.
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}
