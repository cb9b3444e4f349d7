import type { EngineContext } from './context.ts';
import { keeping } from './keeping.ts';
import type { ManifestOperations, RegistryActions, TransferOperations } from './types.ts';

/** How images come and go; each part is loaded when it is first asked for. */
export function transferOperations(context: EngineContext): TransferOperations {
  const kept = keeping(context);
  const transfers = async () => import('./transfers.ts');
  const pushes = async () => import('./push.ts');
  const logins = async () => import('./logins.ts');
  return {
    importImage: kept(async (tar, request, watch) => (await transfers()).importImage(context, tar, request, watch)),
    load: kept(async (archive, watch) => (await transfers()).loadImages(context, archive, watch)),
    async *save(request, watch) {
      using _kept = context.store.leases.keep();
      yield* (await transfers()).saveImages(context, request, watch);
    },
    pull: kept(async (request, watch) => (await transfers()).pull(context, request, watch)),
    async *pullAllTags(request, watch) {
      using _kept = context.store.leases.keep();
      yield* (await transfers()).pullAllTags(context, request, watch);
    },
    push: kept(async (request, watch) => (await pushes()).push(context, request, watch)),
    async *pushAllTags(request, watch) {
      using _kept = context.store.leases.keep();
      yield* (await pushes()).pushAllTags(context, request, watch);
    },
    copyImage: kept(async (request, watch) => (await pushes()).copyBetween(context, request, watch)),
    registry: registryActions(context),
    serveRegistry: async (request, watch) =>
      (await import('./registry-server/serve.ts')).serveRegistry(context, request, watch),
    manifests: manifestOperations(context),
    login: async (request, watch) => (await logins()).login(context, request, watch),
    logout: async (registry) => (await logins()).logout(context, registry),
  };
}

/** What can be done in registries; loaded when it is first asked for. */
function registryActions(context: EngineContext): RegistryActions {
  const registries = async () => import('./registries.ts');
  return {
    async *tags(repository, signal) {
      yield* (await registries()).tagsOf(context, repository, { signal });
    },
    async *repositories(registry, signal) {
      yield* (await registries()).repositories(context, registry, { signal });
    },
    remove: async (name, signal) => (await registries()).deleteRemote(context, name, { signal }),
    referrers: async (name, artifactType, signal) =>
      (await registries()).referrersOf(context, name, artifactType, { signal }),
    search: async (request, signal) => (await registries()).search(context, request, { signal }),
  };
}

function manifestOperations(context: EngineContext): ManifestOperations {
  const kept = keeping(context);
  const manifests = async () => import('./manifests.ts');
  return {
    create: kept(async (request, watch) => (await manifests()).createManifestList(context, request, watch)),
    annotate: kept(async (request, watch) => (await manifests()).annotateManifestList(context, request, watch)),
    inspect: async (name, watch) => (await manifests()).inspectManifest(context, name, watch),
    remove: async (list) => (await manifests()).removeManifestList(context, list),
  };
}
