import { basename } from 'node:path';
import { messageOf, ShaleError, type Json } from '../base/index.ts';
import type { ResolvedImage } from '../dockerfile/index.ts';
import type { NetworkMode, ProgressEvent } from '../graph/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  digestOf,
  familiarName,
  formatPlatform,
  LAYERS_MAX,
  PORTABLE_LAYERS_MAX,
  type Digest,
  type ImageConfig,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { solve, type SharedWork } from '../solver/index.ts';
import { openActionCache } from './cache/action-cache.ts';
import { NO_CACHE } from './cache/no-cache.ts';
import { cacheExporter, type CacheExport } from './cache/exports.ts';
import { CacheImports, type CacheImport } from './cache/imports.ts';
import { assembleProduct } from './assemble.ts';
import type { AttestationStyle } from '../images/index.ts';
import { attestProduct, provenanceReport, type WantedAttestation } from './attest/attest-product.ts';
import { openContexts, type GivenContexts, type OpenTrees } from './context/contexts.ts';
import type { Provisions, StepSettings } from './exec/provisions.ts';
import type { RegistryOptions } from '../registry/index.ts';
import type { StepClock } from './exec/clock.ts';
import type { StepRunner } from './exec/step-runner.ts';
import type { StepTraffic } from './exec/traffic.ts';
import type { Product } from './exporters/exporter.ts';
import type { Output } from './exporters/output.ts';
import { exportersOf, runExporters, type ExportsDone } from './exporters/run-exporters.ts';
import type { FailedStep } from './failed-step.ts';
import { openOperations } from './operations.ts';
import { planBuild, type WholePlan } from './plan.ts';
import { BuildRecorder } from './recorder.ts';
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
  /** One at least; several make an index. */
  readonly platforms: readonly Platform[];
  /** True when someone asked for these platforms. */
  readonly platformRequested: boolean;
  /** Of this machine. */
  readonly buildPlatform: Platform;
  readonly network: NetworkMode;
  readonly steps: StepSettings;
  readonly noCache: boolean;
  /** Names of stages whose steps all run. */
  readonly noCacheStages: readonly string[];
  readonly keepNoise: boolean;
  /** True: what the build puts on its base image becomes one layer. */
  readonly squash: boolean;
  /** Where the result goes; nowhere but into the cache when empty. */
  readonly outputs: readonly Output[];
  /** What is said about the images, in every output that can hold it. */
  readonly attestations: readonly WantedAttestation[];
  /** How it goes along; as referrers when absent. */
  readonly attestationStyle?: AttestationStyle | undefined;
  /** Caches of others that this build believes. */
  readonly cacheFrom: readonly CacheImport[];
  readonly cacheTo: readonly CacheExport[];
  /** True: the image carries the cache of its build in its config. */
  readonly inlineCache: boolean;
  /** How registries are spoken to, where an output is one. */
  readonly registry?: RegistryOptions | undefined;
  /** SOURCE_DATE_EPOCH of the caller's environment, in seconds since 1970. */
  readonly epochSeconds: number | undefined;
  readonly resolveImage: (reference: Reference, platform: Platform) => Promise<ResolvedImage>;
  readonly openRunner: () => Promise<StepRunner>;
  readonly provisions: Provisions;
  /** True: nothing is taken from the cache, and nothing put into it. */
  readonly isolated?: boolean;
  /** What a lock file was to the build, for its record. */
  readonly lock?: string | undefined;
  /** See `StepTraffic`. */
  readonly traffic?: StepTraffic | undefined;
  /** See `StepClock`. */
  readonly clock?: StepClock | undefined;
  /** Makes a private folder on the store's file system that is gone when it is disposed. */
  readonly makeFolder: () => Promise<AsyncDisposable & { readonly path: string }>;
  readonly signal: AbortSignal;
  readonly emit: (event: ProgressEvent) => void;
  /** Called for a step that failed, before the build ends of it. */
  readonly onFailedStep?: (step: FailedStep) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How a bake file calls what is built. */
  readonly bakeTarget?: string;
  /** With other builds that run at the same time. */
  readonly shared?: SharedWork;
  /** Trees of contexts that such builds have opened. */
  readonly openTrees?: OpenTrees;
}

export interface BuildResult {
  /** Of the image, or of the set of images of several platforms. */
  readonly imageId: Digest;
  readonly buildId: string;
  /** False when everything was found in the cache. */
  readonly ranSteps: boolean;
  /** What the outputs say of themselves, under buildx's names. */
  readonly metadata: Readonly<Record<string, Json>>;
  /** The configs of the images, one for each platform. */
  readonly configs: readonly ImageConfig[];
}

/** Steps that may run at the same time. */
export const CONCURRENCY: number = 16;

/**
 * Builds an image: Dockerfile to graph, graph to layers, layers to an image for each platform, and those to the outputs.
 * Names move when everything is there and durable, so an interrupted build changes nothing but the cache.
 * @throws DOCKERFILE_INVALID, EXEC_FAILED, COPY_…, OUTPUT_…, and what pulling a base image throws
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const { store } = options.layers;
  const buildId = await store.builds.start({
    name: buildName(options),
    dockerfileDigest: digestOf(options.dockerfile.bytes),
    details: detailsOf(options),
  });
  const recorder = new BuildRecorder(store, buildId);
  const warn = (message: string): void => {
    const event = { kind: 'warning', message, time: options.now() } as const;
    recorder.take(event);
    options.emit(event);
  };
  let plan: WholePlan | undefined;
  const record = async (end: Parameters<typeof store.builds.finish>[1]): Promise<void> => {
    await recorder.finish();
    await store.builds.finish(buildId, end);
  };
  let exported: ExportsDone;
  let product: Product;
  try {
    const whole = (plan = await planBuild(options));
    recorder.plan(whole.graph);
    tellFindings(whole, options, recorder);
    const imports = await CacheImports.open(options.cacheFrom, { store, warn, registry: options.registry });
    const carrying = { options, recorder, imports, buildId, warn };
    [product, exported] = await imports.retrying(() => carryOut(whole, carrying), warn);
    const details = { ...detailsOf(options, plan), ...recorder.details };
    // The image of an isolated build is nowhere: who asks how an image came to be means another build.
    const made = options.isolated === true ? {} : { imageId: imageIdOf(product, exported) };
    await record({ status: 'done', ...made, details });
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
  const metadata = { 'buildx.build.ref': buildId, ...provenanceReport(product), ...exported.metadata };
  const configs = product.images.map(({ parsed }) => parsed);
  return { imageId: imageIdOf(product, exported), buildId, ranSteps, metadata, configs };
}

interface Carrying {
  readonly options: BuildOptions;
  readonly recorder: BuildRecorder;
  readonly imports: CacheImports;
  readonly buildId: string;
  readonly warn: (message: string) => void;
}

/** Solves the plan, makes the images, and gives them out: caches first, so that names move when all else went well. */
async function carryOut(
  plan: WholePlan,
  { options, recorder, imports, buildId, warn }: Carrying,
): Promise<[product: Product, exported: ExportsDone]> {
  await solvePlan(plan, options, { recorder, imports });
  const built = { graph: plan.graph, results: plan.platforms.map((one) => one.plan.result), solved: recorder.solved };
  const origin = originOf(options, plan, { buildId, solved: recorder.solved });
  const product = await assembleProduct(plan, built, { ...options, reason: `build ${buildId}`, origin });
  warnOfLayers(product, options);
  for (const { diffIds } of product.images) await options.layers.refuseAssumed(diffIds);
  const attested = await attestProduct(product, plan, { options, solved: recorder.solved, warn });
  const exporters = [...options.cacheTo.map((to) => cacheExporter(to, built)), ...exportersOf(options.outputs)];
  let { nextNumber: next } = recorder;
  const nextNumber = options.shared?.nextNumber ?? (() => next++);
  const exported = await runExporters(exporters, attested, { ...options, warn, nextNumber });
  return [attested, exported];
}

/** An image is its config, wherever it went; several platforms are what stands for them where they went. */
function imageIdOf(product: Product, { digest }: { readonly digest: Digest | undefined }): Digest {
  return product.isIndex ? (digest ?? product.id) : product.id;
}

/** Docker's storage ends at 127 layers, the kernel's overlay later. @throws LAYERS_TOO_MANY */
function warnOfLayers({ images }: Product, { emit, now }: Pick<BuildOptions, 'emit' | 'now'>): void {
  const length = Math.max(...images.map(({ diffIds }) => diffIds.length));
  if (length > LAYERS_MAX)
    throw new ShaleError('LAYERS_TOO_MANY', `the image has ${length} layers, more than ${LAYERS_MAX}`, {
      hint: 'join RUN instructions with &&, and COPY several files at once; or build with --squash',
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
function tellFindings(plan: WholePlan, { emit, now, dockerfile }: BuildOptions, recorder: BuildRecorder): void {
  for (const { start: _start, end: _end, ...finding } of plan.findings) {
    const event = { kind: 'finding', ...finding, time: now() } as const;
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

async function solvePlan(
  plan: WholePlan,
  options: BuildOptions,
  { recorder, imports }: Pick<Carrying, 'recorder' | 'imports'>,
): Promise<void> {
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
    ...(options.openTrees !== undefined && { openTrees: options.openTrees }),
  });
  await using session = new BuildSession({
    layers,
    contexts,
    sources: options.sources,
    epochSeconds: plan.epoch,
    keepNoise: options.keepNoise,
    provisions: options.provisions,
    traffic: options.traffic,
    clock: options.clock,
    resources: options.steps.resources,
    cgroupParent: options.steps.cgroupParent,
    makeFolder: options.makeFolder,
    openRunner: options.openRunner,
    signal: options.signal,
    ...(options.onFailedStep !== undefined && { onFailedStep: options.onFailedStep }),
  });
  for (const message of plan.warnings) take({ kind: 'warning', message, time: now() });
  const targets = plan.platforms.map((one) => one.plan.result);
  await solve(targets, {
    graph: plan.graph,
    operations: openOperations(session, plan.sources),
    cache: options.isolated === true ? NO_CACHE : imports.over(openActionCache(store, projectOf(options)), layers),
    concurrency: CONCURRENCY,
    noCache: options.noCache,
    explain: true,
    signal: options.signal,
    emit: take,
    onSolved: (solved) => recorder.takeSolved(solved),
    now,
    ...(options.shared !== undefined && { shared: options.shared }),
  });
  await contexts.save();
}

/** What people call a build: its first name, else its target of a bake, else its directory. */
function buildName(options: BuildOptions): string {
  const given = options.buildArgs['BUILDKIT_BUILD_NAME'];
  if (given !== undefined && given !== '') return given;
  const [first] = options.names;
  if (first !== undefined) return familiarName(first);
  return options.bakeTarget ?? options.contexts.title ?? options.dockerfile.name;
}

/** What the history of a tag says of the image that it was moved to. */
function originOf(
  options: BuildOptions,
  plan: WholePlan,
  { buildId, solved }: { readonly buildId: string; readonly solved: BuildRecorder['solved'] },
): Json {
  const fetched = Array.from(solved.values(), ({ result }) => (result.kind === 'fetched' ? [result.about] : []));
  return {
    build: buildId,
    dockerfileDigest: digestOf(options.dockerfile.bytes),
    ...detailsOf(options, plan),
    fetched: fetched.flat(),
  };
}

/** What a record says of a build; what only the plan knows is missing while there is none. */
function detailsOf(options: BuildOptions, plan?: WholePlan): { readonly [name: string]: Json } {
  const revision = options.contexts.revision();
  return {
    dockerfile: options.dockerfile.name,
    ...(options.dockerfile.path !== undefined && { dockerfilePath: options.dockerfile.path }),
    ...(options.lock !== undefined && { lock: options.lock }),
    ...(options.squash && { squash: true }),
    ...(options.keepNoise && { keepNoise: true }),
    context: options.contexts.title ?? null,
    ...(revision !== undefined && { revision: { ...revision } }),
    target: options.target ?? null,
    ...(options.bakeTarget !== undefined && { bakeTarget: options.bakeTarget }),
    platform: options.platforms.map(formatPlatform).join(','),
    noCache: options.noCache,
    // Values of build arguments may be secrets: their names are enough to find what changed.
    buildArgs: Object.keys(options.buildArgs).toSorted(),
    ...(plan !== undefined && { epoch: plan.epoch, bases: plan.bases }),
  };
}

/** What is edited and built again: misses are explained against earlier builds of it, wherever its clone lies. */
function projectOf({ contexts: { title }, dockerfile, target }: BuildOptions): string {
  return [title === undefined ? '-' : basename(title), dockerfile.name, target ?? ''].join('/');
}
