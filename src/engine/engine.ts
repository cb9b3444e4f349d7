import { isShaleError } from '../base/index.ts';
import { attestationOperations } from './attestations/operations.ts';
import { containerOperations } from './containers/operations.ts';
import { openContext, type EngineOptions } from './context.ts';
import { keeping } from './keeping.ts';
import { transferOperations } from './transfer-operations.ts';
import type { Engine } from './types.ts';

/**
 * Opens a store and everything that works on it. Any number of processes may have one open; nothing runs in the background.
 * Each part is loaded when it is first asked for: start-up is a feature.
 * @throws STORE_TOO_NEW, STORE_DAMAGED
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const context = await openContext(options);
  const kept = keeping(context);
  const buildRecords = async () => import('./build-records.ts');
  const images = async () => import('./images.ts');
  const networks = async () => import('./networks.ts');
  const volumes = async () => import('./volumes.ts');
  const system = async () => import('./system.ts');
  const cacheEntries = async () => import('./cache/entries.ts');
  const inspectContainer = async (name: string, size: boolean): Promise<Record<string, unknown>> =>
    (await import('./containers/inspect.ts')).inspectContainer(context, name, { size });
  const inspectImage = async (name: string, platform?: string): Promise<Record<string, unknown>> =>
    (await images()).inspectImageByName(context, name, platform);
  return {
    callBuild: kept(async (request, call, watch) =>
      (await import('./builds.ts')).callBuild(context, request, call, watch),
    ),
    ...containerOperations(context),
    build: kept(async (request, watch) => (await import('./builds.ts')).build(context, request, watch)),
    bake: kept(async (targets, watch) => (await import('./bake.ts')).bake(context, targets, watch)),
    readSourceFiles: async (request, watch) => (await import('./builds.ts')).readSourceFiles(context, request, watch),
    why: async (request) => (await import('./why.ts')).why(context, request),
    builds: async () => (await buildRecords()).listBuilds(context),
    buildReport: async (build) => (await buildRecords()).buildReport(context, build),
    async *buildLog(build, query, watch) {
      yield* (await buildRecords()).buildLog(context, build, query, watch);
    },
    removeBuild: async (build) => (await buildRecords()).removeBuild(context, build),
    pruneBuilds: async (request) => (await buildRecords()).pruneBuilds(context, request),
    run: kept(async (request, watch, how) => (await import('./containers/run.ts')).run(context, request, watch, how)),
    exec: async (request) => (await import('./containers/exec.ts')).execIn(context, request),
    async *logs(container, query, watch) {
      yield* (await import('./containers/logs.ts')).logsOf(context, container, query, watch);
    },
    commit: kept(async (request) => (await import('./containers/commit.ts')).commitContainer(context, request)),
    async *changes(container) {
      yield* (await import('./containers/changes.ts')).changesOf(context, container);
    },
    images: async (query) => (await images()).listImages(context, query),
    tag: async (source, target) => (await images()).tagImage(context, source, target),
    removeImage: async (image, how) => (await images()).removeImage(context, image, how),
    tagLog: async (name) => (await import('./tag-history.ts')).tagLog(context, name),
    rollback: async (name, to) => (await import('./tag-history.ts')).rollback(context, name, to),
    diffImages: kept(async (before, after) => (await import('./image-diff.ts')).diffImages(context, before, after)),
    explore: async (request, watch) => (await import('./explore/explore.ts')).openExploration(context, request, watch),
    history: async (image) => (await images()).imageHistory(context, image),
    async inspect(name, type, { size = false, platform } = {}) {
      if (type === 'image' || platform !== undefined) return inspectImage(name, platform);
      try {
        return await inspectContainer(name, size);
      } catch (error) {
        if (type === 'container' || !isShaleError(error, 'CONTAINER_NOT_FOUND')) throw error;
        return inspectImage(name);
      }
    },
    ...transferOperations(context),
    ...attestationOperations(context),
    createVolume: async (request) => (await volumes()).createVolume(context, request),
    volumes: async () => (await volumes()).listVolumes(context),
    inspectVolume: async (name) => (await volumes()).inspectVolume(context, name),
    removeVolume: async (name, how) => (await volumes()).removeVolume(context, name, how),
    pruneVolumes: async (query) => (await volumes()).pruneVolumes(context, query),
    createNetwork: async (request) => (await networks()).createNetwork(context, request),
    networks: async () => (await networks()).listNetworks(context),
    inspectNetwork: async (name) => (await networks()).inspectNetwork(context, name),
    removeNetwork: async (name) => (await networks()).removeNetwork(context, name),
    pruneNetworks: async (matches) => (await networks()).pruneNetworks(context, matches),
    connectNetwork: async (container, endpoint) =>
      (await import('./containers/networks.ts')).connectContainer(context, container, endpoint),
    disconnectNetwork: async (container, network) =>
      (await import('./containers/networks.ts')).disconnectContainer(context, container, network),
    compareBases: kept(async (request, watch) =>
      (await import('./bases/compare.ts')).compareBases(context, request, watch),
    ),
    adviseBase: async (image) => (await import('./bases/advise.ts')).adviseBase(context, image),
    rebase: kept(async (request) => (await import('./bases/rebase.ts')).rebase(context, request)),
    measureBuild: kept(async (dockerfile, opened) =>
      (await import('./measured-build.ts')).measureBuild(context, dockerfile, opened),
    ),
    pinVersions: async (request, watch) => (await import('./pins.ts')).pinVersions(context, request, watch),
    makeBase: kept(async (request, watch) => (await import('./bases/make-base.ts')).makeBase(context, request, watch)),
    verifyBuild: kept(async (request, watch) =>
      (await import('./verify/verify.ts')).verifyBuild(context, request, watch),
    ),
    verifyBase: kept(async (request, watch) =>
      (await import('./verify/verify-base.ts')).verifyBase(context, request, watch),
    ),
    locks: {
      lock: kept(async (request, watch) => (await import('./locks/lock.ts')).lockBuild(context, request, watch)),
      diffLocks: async (before, after) => (await import('./locks/lock.ts')).compareLocks(before, after),
      vendorLocked: kept(async (path, to, watch) =>
        (await import('./locks/vendor.ts')).vendorLocked(context, path, to, watch),
      ),
      fetchLocked: kept(async (path, from, watch) =>
        (await import('./locks/fetch.ts')).fetchLocked(context, path, from, watch),
      ),
    },
    cache: {
      list: async () => (await cacheEntries()).listCache(context),
      usage: async () => (await cacheEntries()).cacheUsage(context),
      remove: async (name) => (await cacheEntries()).removeFromCache(context, name),
      prune: async (request, watch) => (await cacheEntries()).pruneCache(context, request, watch),
      exportMounts: kept(async (request, watch) =>
        (await import('./cache/export.ts')).exportMounts(context, request, watch),
      ),
      importMounts: kept(async (source, request, watch) =>
        (await import('./cache/import.ts')).importMounts(context, source, request, watch),
      ),
    },
    check: async (request, watch) => (await system()).check(context, request, watch),
    usage: async () => (await import('./usage.ts')).usage(context),
    usageItems: async () => (await import('./usage.ts')).usageItems(context),
    prune: async (request, watch) => (await system()).prune(context, request, watch),
    reset: async () => (await system()).reset(context),
    async [Symbol.asyncDispose]() {
      context.store.leave();
    },
  };
}
