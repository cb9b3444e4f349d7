import type { EngineContext } from '../context.ts';
import { keeping } from '../keeping.ts';
import type { ContainerOperations } from './types.ts';

/** Everything about containers but `run`, `exec`, `logs`, `commit` and `diff`; each part is loaded when it is first asked for. */
export function containerOperations(context: EngineContext): ContainerOperations {
  const lifecycle = async () => import('./lifecycle.ts');
  return {
    create: keeping(context)(async (request, watch) => {
      const { record, onDisk } = await (await import('./create.ts')).createContainer(context, request, watch);
      await onDisk;
      return { containerId: record.id };
    }),
    start: async (request) => (await import('./attach.ts')).start(context, request),
    attach: async (request) => (await import('./attach.ts')).attach(context, request),
    containers: async (query) => (await import('./list.ts')).listContainers(context, query),
    stop: async (container, options) => (await lifecycle()).stopContainer(context, container, options),
    restart: async (container, options) => (await lifecycle()).restartContainer(context, container, options),
    kill: async (container, options) => (await lifecycle()).killContainer(context, container, options),
    pause: async (container) => (await lifecycle()).pauseContainer(context, container),
    unpause: async (container) => (await lifecycle()).unpauseContainer(context, container),
    wait: async (container, watch) => (await lifecycle()).waitForContainer(context, container, watch),
    rename: async (container, name) => (await lifecycle()).renameContainer(context, container, name),
    update: async (container, request) => (await import('./update.ts')).updateContainer(context, container, request),
    removeContainer: async (container, options) =>
      (await import('./remove.ts')).removeContainer(context, container, options),
    pruneContainers: async (which) => (await import('./prune.ts')).pruneContainers(context, which),
    info: async () => (await import('./info.ts')).systemInfo(context),
    processes: async (container, args) => (await import('./processes.ts')).processesOf(context, container, args),
    stats: async (names, options) => (await import('./processes.ts')).statsOf(context, names, options),
    async *events(query, watch) {
      yield* (await import('./events.ts')).eventsOf(context, query, watch);
    },
    copy: async (request) => (await import('./copy.ts')).copy(context, request),
    async *copyOut(request) {
      yield* (await import('./copy.ts')).copyOut(context, request);
    },
    copyIn: async (tar, request) => (await import('./copy.ts')).copyIn(context, tar, request),
    async *exportContainer(container) {
      yield* (await import('./export.ts')).exportContainer(context, container);
    },
    keep: async (watch) => (await import('./keeper.ts')).keep(context, watch),
  };
}
