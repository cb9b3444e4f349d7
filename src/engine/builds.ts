import { messageOf, ShaleError } from '../base/index.ts';
import {
  buildImage,
  openSources,
  planOptionsOf,
  type BuildOptions,
  type BuildResult,
  type PlanInput,
  type Provisions,
  type Sources,
  type StepClock,
  type StepRunner,
} from '../build/index.ts';
import { checkDockerfile, outlineDockerfile, sourceText, targetsOf, type ResolvedImage } from '../dockerfile/index.ts';
import { findImage, type FoundImage, holdImage, readConfig } from '../images/index.ts';
import {
  familiarName,
  formatPlatform,
  formatReference,
  hostPlatform,
  parsePlatform,
  parseReference,
  platformMatches,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { filesAt, loadInput, type BuildInput } from './build-contexts.ts';
import type { EngineContext } from './context.ts';
import { buildLimits, cacheCap, keepBuilds } from './cache-cap.ts';
import { attestationsOf, cacheExportsOf, cacheImportsOf, outputsOf } from './outputs.ts';
import { secretsOf } from './secrets.ts';
import { sshAgentsOf } from './ssh-agents.ts';
import { outsideOf, type Outside, type Recorder } from './locks/outside.ts';
import type { ResolvedBase } from './locks/pins.ts';
import { stepSettingsOf } from './step-settings.ts';
import type {
  BuildAnswer,
  BuildCall,
  BuildOutcome,
  BuildRequest,
  SourceFiles,
  SourceFilesRequest,
  Watch,
} from './types.ts';
import { makeWorkFolder } from './work-folders.ts';

/** Milliseconds that collecting may take at the end of a build; the rest is done by the next one. */
const COLLECT_BUDGET_MS = 200;

/** What a build has in common with others that run at the same time. */
export interface Together {
  /** How the bake file calls this one. */
  readonly name: string;
  readonly shared: NonNullable<BuildOptions['shared']>;
  readonly openTrees: NonNullable<BuildOptions['openTrees']>;
  readonly openRunner: BuildOptions['openRunner'];
  /** Resolves a base image once for all. */
  readonly resolveOnce: (key: string, resolve: () => Promise<ResolvedImage>) => Promise<ResolvedImage>;
  /** The image that another target came to, for a platform. @throws BAKE_PLATFORM */
  readonly imageOf: (target: string, platform: Platform) => ResolvedImage;
}

/** `shale build`. @throws DOCKERFILE_INVALID, CONTEXT_NOT_FOUND, EXEC_FAILED, and what buildImage throws */
export async function build(context: EngineContext, request: BuildRequest, watch: Watch): Promise<BuildOutcome> {
  return tidying(context, watch, async () => {
    const { configs: _, ranSteps, ...outcome } = await buildOne(context, request, watch);
    return { outcome, ranSteps };
  });
}

/** Builds, and keeps cache and records within their limits afterwards; what failed has left logs, but no cache. */
export async function tidying<T>(
  context: EngineContext,
  { signal }: Watch,
  work: () => Promise<{ readonly outcome: T; readonly ranSteps: boolean }>,
): Promise<T> {
  const startedAt = context.options.now();
  try {
    const { outcome, ranSteps } = await work();
    if (ranSteps) await collectAfterBuild(context, startedAt);
    else await keepBuilds(context, { hasLogs: false });
    return outcome;
  } catch (error) {
    // What went wrong first is what people must hear.
    if (!signal.aborted) await keepBuilds(context, { hasLogs: true }).catch(() => {});
    throw error;
  }
}

/** `startedAt` is in ms since 1970. */
async function collectAfterBuild(context: EngineContext, startedAt: number): Promise<void> {
  const limits = { maxCacheBytes: cacheCap(context), ...buildLimits(context) };
  await context.store.collect({ budgetMs: COLLECT_BUDGET_MS, cacheFreshSince: startedAt, ...limits });
}

interface BuildingHow {
  readonly together?: Together;
  /** Writes down what it takes from outside. */
  readonly recorder?: Recorder;
  /** Takes nothing from the cache, and leaves nothing in it. */
  readonly isolated?: boolean;
  /** For an isolated build. */
  readonly clock?: StepClock;
}

/** A build alone or `together` with others; what it leaves in the cache is not looked at yet. */
export async function buildOne(
  context: EngineContext,
  request: BuildRequest,
  watch: Watch,
  { together, recorder, isolated = false, clock }: BuildingHow = {},
): Promise<BuildResult & Pick<BuildOutcome, 'tags'>> {
  const names = request.tags.map(parseReference);
  const outputs = outputsOf(request, platformsOf(request.platforms));
  const ssh = await sshAgentsOf(request.ssh ?? []);
  const sources = sourcesOf(context, request, ssh);
  const input = await loadInput(context, request, sources, watch);
  const outside = await outsideOf(context, request, { input, watch, recorder });
  const openRunner = async (): Promise<StepRunner> =>
    (await import('./step-runner.ts')).openRunner(context, (message) =>
      watch.progress?.({ kind: 'warning', message, time: context.options.now() }),
    );
  const result = await buildImage({
    ...planInput(context, request, { input, outside, watch, together }),
    layers: context.layers,
    sources: outside.over(sources),
    traffic: outside.traffic,
    isolated,
    clock,
    lock: request.lock,
    names,
    noCache: request.noCache,
    keepNoise: request.keepNoise,
    squash: request.squash === true,
    outputs,
    attestations: attestationsOf(request, outputs),
    attestationStyle: request.attestationStyle,
    cacheFrom: cacheImportsOf(request),
    ...cacheExportsOf(request),
    registry: context.registry(watch.signal),
    openRunner: together?.openRunner ?? openRunner,
    provisions: {
      secret: secretsOf(request.secrets ?? [], context.options.env),
      ssh,
    },
    makeFolder: () => makeWorkFolder(context.store),
    signal: watch.signal,
    emit: (event) => watch.progress?.(event),
    ...(watch.onFailedStep !== undefined && { onFailedStep: watch.onFailedStep }),
    now: context.options.now,
    ...(together !== undefined && {
      bakeTarget: together.name,
      shared: together.shared,
      openTrees: together.openTrees,
    }),
  });
  return { ...result, tags: names.map(familiarName) };
}

/** What builds take from the network, as this request may. */
function sourcesOf(context: EngineContext, request: Pick<BuildRequest, 'secrets'>, ssh: Provisions['ssh']): Sources {
  const agent = ssh('default');
  return openSources({
    layers: context.layers,
    makeFolder: () => makeWorkFolder(context.store),
    secret: secretsOf(request.secrets ?? [], context.options.env),
    ssh: agent === undefined ? { kind: 'none' } : { kind: 'agent', agent },
    env: context.options.env,
  });
}

interface Planning {
  readonly input: BuildInput;
  readonly outside: Outside;
  readonly watch: Watch;
  readonly together?: Together | undefined;
}

function planInput(
  context: EngineContext,
  request: BuildRequest,
  { input, outside, watch, together }: Planning,
): PlanInput {
  const { contexts, dockerfile, resolveLayout, targetOf } = input;
  const epoch = context.options.env['SOURCE_DATE_EPOCH'];
  return {
    contexts,
    dockerfile,
    buildArgs: request.buildArgs,
    labels: request.labels,
    target: request.target,
    platforms: platformsOf(request.platforms),
    platformRequested: request.platforms !== undefined,
    buildPlatform: hostPlatform(),
    network: request.network === undefined || request.network === 'bridge' ? 'default' : request.network,
    steps: stepSettingsOf(request, (message) =>
      watch.progress?.({ kind: 'warning', message, time: context.options.now() }),
    ),
    noCacheStages: request.noCacheStages ?? [],
    epochSeconds: epoch === 'context' ? contexts.madeAt() : epochOf(epoch),
    resolveImage: async (reference, platform) => {
      const target = targetOf(reference);
      if (target !== undefined) return linkedImage(together, target, platform);
      const layout = await resolveLayout(reference, platform, watch.signal);
      if (layout !== undefined) return layout;
      const resolve = (): Promise<ResolvedImage> =>
        outside.base(reference, platform, (wanted) =>
          resolveImage(context, wanted, { platform, pull: request.pull, watch }),
        );
      const key = JSON.stringify([formatReference(reference), formatPlatform(platform), request.pull, outside.name]);
      return together === undefined ? resolve() : together.resolveOnce(key, resolve);
    },
  };
}

function linkedImage(together: Together | undefined, target: string, platform: Platform): ResolvedImage {
  if (together !== undefined) return together.imageOf(target, platform);
  throw new ShaleError('CONTEXT_UNKNOWN', `the context target:${target} is a target of a bake file`, {
    hint: 'shale bake builds it first',
  });
}

/** `shale build --call`. @throws DOCKERFILE_INVALID but for `check`, CONTEXT_NOT_FOUND, and what resolving images throws */
export async function callBuild(
  context: EngineContext,
  request: BuildRequest,
  call: BuildCall,
  watch: Watch,
): Promise<BuildAnswer> {
  const sources = sourcesOf(context, request, await sshAgentsOf(request.ssh ?? []));
  const input = await loadInput(context, request, sources, watch);
  const outside = await outsideOf(context, request, { input, watch });
  // What is only asked about needs no permission to reach out of the sandbox.
  const [platform = hostPlatform()] = platformsOf(request.platforms);
  const options = {
    ...planOptionsOf(planInput(context, request, { input, outside, watch }), platform),
    assumeAllowed: true,
  };
  const { name: file, text } = options.dockerfile.source;
  const source = { file, text };
  if (call === 'targets') return { kind: 'targets', source, targets: targetsOf(options) };
  if (call === 'outline') return { kind: 'outline', source, outline: await outlineDockerfile(options) };
  const report = await checkDockerfile(options);
  const { error } = report;
  // An error is told with the file that it is in, which may be an included one.
  const where = error === undefined ? source : { file: error.file, text: sourceText(options.dockerfile, error.file) };
  return { kind: 'check', source: where, ...report };
}

/** What `shale bake` reads its definition from. @throws as `filesAt` */
export async function readSourceFiles(
  context: EngineContext,
  request: SourceFilesRequest,
  { signal }: Watch,
): Promise<SourceFiles> {
  return filesAt(context, request, sourcesOf(context, {}, await sshAgentsOf([])), { signal });
}

/** Each once, in the order in which they were asked for; that of this machine when none was. @throws PLATFORM_INVALID */
function platformsOf(asked: readonly string[] | undefined): Platform[] {
  const platforms = (asked ?? []).map(parsePlatform);
  const each = [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()];
  return each.length === 0 ? [hostPlatform()] : each;
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^[0-9]{1,15}$/.test(text))
    throw new ShaleError(
      'EPOCH_INVALID',
      `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, expected seconds since 1970 or "context"`,
    );
  return Number(text);
}

/**
 * A base image: the local one of that platform without asking anybody, else the registry's, whose layers come when a step
 * needs them.
 */
async function resolveImage(
  context: EngineContext,
  reference: Reference,
  how: { readonly platform: Platform; readonly pull: boolean; readonly watch: Watch },
): Promise<ResolvedBase> {
  const { store } = context;
  const full = formatReference(reference);
  const local = await heldBase(context, full, how.platform);
  const isOther = local !== undefined && !platformMatches(how.platform, local.record.platform);
  if (isOther && local.record.madeHere) throw otherPlatform(reference, local.record.platform, how.platform);
  const digest = local?.record.manifests[0]?.digest;
  if (local !== undefined && !isOther && (!how.pull || local.record.madeHere)) {
    const { id } = local.record;
    return { id, config: await readConfig(store, id), ...(digest !== undefined && { digest }) };
  }
  try {
    const { pullImage } = await import('../images/index.ts');
    const pulled = await pullImage(context.layers, reference, {
      platform: how.platform,
      registry: context.registry(how.watch.signal),
      lazy: true,
    });
    return { id: pulled.id, config: pulled.config, digest: pulled.digest };
  } catch (cause) {
    how.watch.signal.throwIfAborted();
    const name = familiarName(reference);
    const hint = /^(?:debian|docker\.io\/library\/debian):/.test(name)
      ? `make it here: shale base debian -t ${name}`
      : undefined;
    const where = isOther ? `in the store for ${formatPlatform(local.record.platform)} only` : 'not in the store';
    throw new ShaleError(
      'BASE_IMAGE_NOT_FOUND',
      `the base image ${name} is ${where} and cannot be pulled: ${messageOf(cause)}`,
      { cause, data: { name }, ...(hint !== undefined && { hint }) },
    );
  }
}

/**
 * The local image of a name, of that platform where there is one. It is held while steps use its layers; one that somebody
 * removed between finding and holding it is looked for again.
 */
async function heldBase({ store }: EngineContext, name: string, platform: Platform): Promise<FoundImage | undefined> {
  for (;;) {
    const found = (await findImage(store, name, platform)) ?? (await findImage(store, name));
    if (found === undefined || (await holdImage(store, found.record.id)) !== undefined) return found;
  }
}

function otherPlatform(reference: Reference, has: Platform, wanted: Platform): ShaleError {
  const name = familiarName(reference);
  return new ShaleError(
    'BASE_IMAGE_PLATFORM',
    `the base image ${name} was made here for ${formatPlatform(has)}, and ${formatPlatform(wanted)} is built`,
    { data: { name }, hint: `build it with --platform ${formatPlatform(wanted)} under another name` },
  );
}
