import { basename } from 'node:path';
import { messageOf, ShaleError } from '../base/index.ts';
import {
  parseDockerfile,
  refuseForeignFrontend,
  toGraph,
  type BuildPlan,
  type PlanOptions,
  type ResolvedImage,
} from '../dockerfile/index.ts';
import type { NetworkMode, ProgressEvent } from '../graph/index.ts';
import { putImage } from '../images/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  digestOf,
  familiarName,
  formatPlatform,
  formatReference,
  LAYERS_MAX,
  parseReference,
  PORTABLE_LAYERS_MAX,
  type Digest,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { solve, type Solved } from '../solver/index.ts';
import type { Json, Store } from '../store/index.ts';
import { openActionCache } from './action-cache.ts';
import { assembleConfig } from './assemble.ts';
import { ignorePatternsOf, openContexts, type GivenContexts } from './context/contexts.ts';
import type { Provisions } from './exec/provisions.ts';
import type { StepRunner } from './exec/step-runner.ts';
import type { FailedStep } from './failed-step.ts';
import { openOperations } from './operations.ts';
import { BuildRecorder } from './recorder.ts';
import type { StepResult } from './result.ts';
import { BuildSession } from './session.ts';
import type { Sources } from './sources/sources.ts';

export interface BuildOptions {
  readonly layers: Layers;
  readonly contexts: GivenContexts;
  readonly sources: Sources;
  readonly dockerfile: {
    readonly bytes: Uint8Array;
    readonly name: string;
    /** Where it lies, for the ignore file beside it. */ readonly path: string | undefined;
  };
  readonly names: readonly Reference[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  readonly platform: Platform;
  /** True when someone asked for this platform. */
  readonly platformRequested: boolean;
  readonly network: NetworkMode;
  readonly noCache: boolean;
  readonly keepNoise: boolean;
  /** SOURCE_DATE_EPOCH of the caller's environment, in seconds since 1970. */
  readonly epochSeconds: number | undefined;
  readonly resolveImage: (reference: Reference, platform: Platform) => Promise<ResolvedImage>;
  readonly openRunner: () => Promise<StepRunner>;
  readonly provisions: Provisions;
  /** Makes a private folder on the store's file system that is gone when it is disposed. */
  readonly makeFolder: () => Promise<AsyncDisposable & { readonly path: string }>;
  readonly signal: AbortSignal;
  readonly emit: (event: ProgressEvent) => void;
  /** Called for a step that failed, before the build ends of it. */
  readonly onFailedStep?: (step: FailedStep) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface BuildResult {
  readonly imageId: Digest;
  readonly buildId: string;
  /** False when everything was found in the cache. */
  readonly ranSteps: boolean;
}

/** Steps that may run at the same time. */
const CONCURRENCY = 16;

/**
 * Builds an image: Dockerfile to graph, graph to layers, layers to an image that has the given names. The names move when
 * everything is there and durable, so an interrupted build changes nothing but the cache.
 * @throws DOCKERFILE_INVALID, EXEC_FAILED, COPY_…, and what pulling a base image throws
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const { store } = options.layers;
  const buildId = await store.builds.start({
    name: buildName(options),
    dockerfileDigest: digestOf(options.dockerfile.bytes),
    details: detailsOf(options),
  });
  const recorder = new BuildRecorder(store, buildId);
  let plan: BuildPlan | undefined;
  const record = async (end: Parameters<typeof store.builds.finish>[1]): Promise<void> => {
    await recorder.finish();
    await store.builds.finish(buildId, end);
  };
  let imageId: Digest;
  try {
    plan = await toGraph(planOptionsOf(options));
    recorder.plan(plan.graph);
    tellFindings(plan, options, recorder);
    await solvePlan(plan, options, recorder);
    warnOfLayers(plan, recorder.solved, options);
    imageId = await publish(plan, recorder.solved, options, `build ${buildId}`);
    await record({ status: 'done', imageId, details: { ...detailsOf(options, plan), ...recorder.details } });
  } catch (error) {
    const status = options.signal.aborted ? 'canceled' : 'error';
    const details = { ...detailsOf(options, plan), ...recorder.details, error: messageOf(error) };
    // What went wrong first is what people must hear, also when nothing can be written any more.
    await record({ status, details }).catch(() => {});
    emitFinished(options, { quietly: true });
    throw error;
  }
  emitFinished(options, { quietly: false });
  const ranSteps = [...recorder.solved.values()].some((step) => !step.cached && step.key !== '');
  return { imageId, buildId, ranSteps };
}

/** Docker's storage ends at 127 layers, the kernel's overlay later. @throws LAYERS_TOO_MANY */
function warnOfLayers(
  plan: BuildPlan,
  solved: ReadonlyMap<string, Solved<StepResult>>,
  { emit, now }: Pick<BuildOptions, 'emit' | 'now'>,
): void {
  const { length } = assembleConfig(plan, solved).diffIds;
  if (length > LAYERS_MAX)
    throw new ShaleError('LAYERS_TOO_MANY', `the image has ${length} layers, more than ${LAYERS_MAX}`, {
      hint: 'join RUN instructions with &&, and COPY several files at once',
    });
  if (length <= PORTABLE_LAYERS_MAX) return;
  const message = `the image has ${length} layers; docker and others take at most ${PORTABLE_LAYERS_MAX}`;
  emit({ kind: 'warning', message, time: now() });
}

function emitFinished({ emit, now }: BuildOptions, how: { readonly quietly: boolean }): void {
  try {
    emit({ kind: 'finished', time: now() });
  } catch (error) {
    if (!how.quietly) throw error;
  }
}

/** Tells what the build checks found. @throws CHECKS_FAILED when the file says that this is an error */
function tellFindings(plan: BuildPlan, { emit, now, dockerfile }: BuildOptions, recorder: BuildRecorder): void {
  const text = plan.findings.length === 0 ? '' : Buffer.from(dockerfile.bytes).toString();
  for (const { start: _start, end: _end, ...finding } of plan.findings) {
    const event = { kind: 'finding', ...finding, text, time: now() } as const;
    recorder.take(event);
    emit(event);
  }
  if (!plan.findingsAreErrors || plan.findings.length === 0) return;
  const rules = Array.from(new Set(plan.findings.map(({ rule }) => rule)));
  throw new ShaleError('CHECKS_FAILED', `${dockerfile.name} does not keep the build checks ${rules.join(', ')}`, {
    data: { rules },
    hint: 'check=error=true makes this an error; check=skip=RULE keeps one silent',
  });
}

/** What a plan depends on. */
export type PlanInput = Pick<
  BuildOptions,
  | 'dockerfile'
  | 'contexts'
  | 'buildArgs'
  | 'labels'
  | 'target'
  | 'platform'
  | 'platformRequested'
  | 'network'
  | 'epochSeconds'
  | 'resolveImage'
>;

/** Reads the Dockerfile and says how it is planned. @throws FRONTEND_FOREIGN */
export function planOptionsOf(options: PlanInput): PlanOptions {
  const { bytes, name } = options.dockerfile;
  const dockerfile = parseDockerfile(bytes, name);
  refuseForeignFrontend(dockerfile, options.buildArgs);
  return {
    dockerfile,
    platform: options.platform,
    buildArgs: options.buildArgs,
    labels: options.labels,
    network: options.network,
    entitlements: options.network === 'host' ? ['network.host'] : [],
    ignorePatterns: ignorePatternsOf(options.contexts.main, options.dockerfile.path),
    resolveImageConfig: (reference, platform) => options.resolveImage(parseReference(reference), platform),
    namedContexts: options.contexts.named,
    contextEpoch: () => options.contexts.madeAt(),
    ...(options.target !== undefined && { target: options.target }),
    ...(options.epochSeconds !== undefined && { epoch: options.epochSeconds }),
    ...(options.platformRequested && { platformRequested: true }),
  };
}

async function solvePlan(plan: BuildPlan, options: BuildOptions, recorder: BuildRecorder): Promise<void> {
  const { layers, emit, now } = options;
  const { store } = layers;
  const take = (event: ProgressEvent): void => {
    recorder.take(event);
    emit(event);
  };
  const contexts = openContexts({
    store,
    given: options.contexts,
    dockerfilePath: options.dockerfile.path,
    clock: now,
  });
  await using session = new BuildSession({
    layers,
    contexts,
    sources: options.sources,
    epochSeconds: plan.epoch,
    keepNoise: options.keepNoise,
    provisions: options.provisions,
    makeFolder: options.makeFolder,
    openRunner: options.openRunner,
    signal: options.signal,
    ...(options.onFailedStep !== undefined && { onFailedStep: options.onFailedStep }),
  });
  for (const warning of plan.warnings) take({ kind: 'warning', message: warning.message, time: now() });
  await solve(plan.result, {
    graph: plan.graph,
    operations: openOperations(session, {
      name: options.dockerfile.name,
      text: Buffer.from(options.dockerfile.bytes).toString(),
    }),
    cache: openActionCache(store, projectOf(options)),
    concurrency: CONCURRENCY,
    noCache: options.noCache,
    explain: true,
    signal: options.signal,
    emit: take,
    onSolved: (solved) => recorder.takeSolved(solved),
    now,
  });
  await contexts.save();
}

/** Stores the image's config and moves the names to it. An image that is there under all its names is left alone. */
async function publish(
  plan: BuildPlan,
  solved: ReadonlyMap<string, Solved<StepResult>>,
  options: BuildOptions,
  reason: string,
): Promise<Digest> {
  const { store } = options.layers;
  const image = await putImage(store, assembleConfig(plan, solved), { madeHere: true });
  const names = options.names.map(formatReference);
  if (await isPublished(store, image.id, names)) return image.id;
  await store.publish({
    images: [image],
    tags: names.map((name) => ({ name, target: { kind: 'image', digest: image.id } as const })),
    reason,
  });
  return image.id;
}

async function isPublished(store: Store, id: Digest, names: readonly string[]): Promise<boolean> {
  if ((await store.images.find(id)) === undefined) return false;
  for (const name of names) if ((await store.tags.find(name))?.target.digest !== id) return false;
  return true;
}

/** What people call a build: its first name, else its directory. */
function buildName(options: BuildOptions): string {
  const [first] = options.names;
  return first === undefined ? (options.contexts.title ?? options.dockerfile.name) : familiarName(first);
}

/** What a record says of a build; what only the plan knows is missing while there is none. */
function detailsOf(options: BuildOptions, plan?: BuildPlan): { readonly [name: string]: Json } {
  return {
    dockerfile: options.dockerfile.name,
    context: options.contexts.title ?? null,
    target: options.target ?? null,
    platform: formatPlatform(options.platform),
    noCache: options.noCache,
    // Values of build arguments may be secrets: their names are enough to find what changed.
    buildArgs: Object.keys(options.buildArgs).toSorted(),
    ...(plan !== undefined && {
      epoch: plan.epoch,
      bases: plan.baseImages.map((base) => ({ reference: base.reference, digest: base.digest ?? null })),
    }),
  };
}

/** What is edited and built again: misses are explained against earlier builds of it, wherever its clone lies. */
function projectOf({ contexts: { title }, dockerfile, target }: BuildOptions): string {
  return [title === undefined ? '-' : basename(title), dockerfile.name, target ?? ''].join('/');
}
