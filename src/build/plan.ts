import {
  parseDockerfile,
  refuseForeignFrontend,
  resolveIncludes,
  toGraph,
  type BuildPlan,
  type PlanOptions,
} from '../dockerfile/index.ts';
import type { Graph, Vertex, VertexId } from '../graph/index.ts';
import { formatPlatform, parseReference, type Platform } from '../oci/index.ts';
import type { BuildOptions } from './build.ts';
import { ignorePatternsOf } from './context/contexts.ts';
import { includeReader } from './context/include-reader.ts';
import { squashPlan } from './squash.ts';

/** The plan of one of the platforms that are built. */
export interface PlatformPlan {
  readonly platform: Platform;
  readonly plan: BuildPlan;
}

/** What a build comes to: one graph for all platforms, so that what they share is done once. */
export interface WholePlan extends Pick<BuildPlan, 'graph' | 'sources' | 'findings' | 'findingsAreErrors'> {
  /** In the order in which they were asked for; at least one. */
  readonly platforms: readonly PlatformPlan[];
  /** Seconds since 1970; the same for all platforms. */
  readonly epoch: number;
  /** Each once, whatever platform they come from. */
  readonly warnings: readonly string[];
  /** References of the base images with their digests, each once. */
  readonly bases: readonly { readonly reference: string; readonly digest: string | null }[];
}

/** What a plan depends on. */
export type PlanInput = Pick<
  BuildOptions,
  | 'dockerfile'
  | 'contexts'
  | 'buildArgs'
  | 'labels'
  | 'target'
  | 'platforms'
  | 'platformRequested'
  | 'buildPlatform'
  | 'network'
  | 'steps'
  | 'noCacheStages'
  | 'epochSeconds'
  | 'resolveImage'
>;

/** Reads the Dockerfile and says how it is planned for one platform. @throws FRONTEND_FOREIGN */
export function planOptionsOf(options: PlanInput, platform: Platform): PlanOptions {
  const { bytes, name } = options.dockerfile;
  const written = parseDockerfile(bytes, name);
  refuseForeignFrontend(written, options.buildArgs);
  const { buildArgs, target } = options;
  const read = includeReader(options.contexts.main, options.dockerfile.path);
  const dockerfile = resolveIncludes(written, { read, buildArgs, platform, target });
  return {
    dockerfile,
    platform,
    buildPlatform: options.buildPlatform,
    buildArgs: options.buildArgs,
    labels: options.labels,
    network: options.network,
    noCache: options.noCacheStages,
    entitlements: [...options.steps.allow, ...(options.network === 'host' ? (['network.host'] as const) : [])],
    extraHosts: options.steps.extraHosts,
    ...(options.steps.limits !== undefined && { limits: options.steps.limits }),
    ignorePatterns: ignorePatternsOf(options.contexts.main, options.dockerfile.path),
    resolveImageConfig: (reference, wanted) => options.resolveImage(parseReference(reference), wanted),
    namedContexts: options.contexts.named,
    contextEpoch: () => options.contexts.madeAt(),
    ...(options.target !== undefined && { target: options.target }),
    ...(options.epochSeconds !== undefined && { epoch: options.epochSeconds }),
    ...(options.platformRequested && { platformRequested: true }),
  };
}

/**
 * Plans every platform. A build has one epoch: the newest of those that its platforms would have for themselves.
 * @throws DOCKERFILE_INVALID, FRONTEND_FOREIGN, and what resolving a base image throws
 */
export async function planBuild(options: BuildOptions): Promise<WholePlan> {
  const first = await planPlatforms(options);
  const epoch = Math.max(...first.map(({ plan }) => plan.epoch));
  const agree = first.every(({ plan }) => plan.epoch === epoch);
  const platforms = agree ? first : await planPlatforms({ ...options, epochSeconds: epoch });
  const plans = platforms.map(({ plan }) => plan);
  return {
    platforms,
    graph: mergeGraphs(plans),
    epoch,
    sources: new Map(plans.flatMap((plan) => Array.from(plan.sources))),
    warnings: [
      ...new Set([
        ...filterWarnings(options, plans),
        ...plans.flatMap((plan) => plan.warnings.map(({ message }) => message)),
      ]),
    ],
    findings: eachOnce(plans.flatMap((plan) => plan.findings)),
    findingsAreErrors: plans.some((plan) => plan.findingsAreErrors),
    bases: eachOnce(
      plans.flatMap((plan) => plan.baseImages.map(({ reference, digest }) => ({ reference, digest: digest ?? null }))),
    ),
  };
}

async function planPlatforms(options: BuildOptions): Promise<PlatformPlan[]> {
  const planned: PlatformPlan[] = [];
  for (const platform of options.platforms) {
    const plan = await toGraph(planOptionsOf(options, platform));
    planned.push({ platform, plan: options.squash ? squashPlan(plan) : plan });
  }
  return planned;
}

/** Of plain data that is equal, the first. */
function eachOnce<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

/** A stage that --no-cache-filter names and that is not there is likely a slip. */
function filterWarnings({ noCacheStages }: BuildOptions, [plan]: readonly BuildPlan[]): string[] {
  const names = new Set(plan?.stages.map(({ name }) => name));
  const absent = noCacheStages.filter((name) => !names.has(name.toLowerCase()));
  return absent.map((name) => `--no-cache-filter names ${JSON.stringify(name)}, which is no stage of the Dockerfile`);
}

/** Equal definitions of several platforms are one vertex. Where there are several, names say for which platform a step is. */
function mergeGraphs(plans: readonly BuildPlan[]): Graph {
  const [only, ...more] = plans;
  if (only !== undefined && more.length === 0) return only.graph;
  const vertices = new Map<VertexId, Vertex>();
  for (const { graph } of plans) {
    for (const [id, vertex] of graph.vertices) {
      const known = vertices.get(id);
      if (known === undefined) vertices.set(id, { ...vertex, name: nameFor(vertex) });
      else if (vertex.noCache && !known.noCache) vertices.set(id, { ...known, noCache: true });
    }
  }
  return { vertices };
}

/** `[linux/arm64 build 2/5] RUN make`, as with BuildKit. */
function nameFor({ name, platform }: Vertex): string {
  const place = formatPlatform(platform);
  if (name.startsWith('[internal]') || name.startsWith('[context')) return name;
  return name.startsWith('[') ? `[${place} ${name.slice(1)}` : `[${place}] ${name}`;
}
