import { isShaleError } from '../base/index.ts';
import { changesOf } from './containers/changes.ts';
import { commitContainer } from './containers/commit.ts';
import { execIn } from './containers/exec.ts';
import { inspectContainer } from './containers/inspect.ts';
import { listContainers } from './containers/list.ts';
import { logsOf } from './containers/logs.ts';
import { removeContainer, stopContainer } from './containers/remove.ts';
import { run } from './containers/run.ts';
import { makeBase } from './base.ts';
import { build } from './builds.ts';
import { openContext, type EngineOptions } from './context.ts';
import {
  imageHistory,
  importImage,
  inspectImageByName,
  listImages,
  loadImages,
  pull,
  removeImage,
  saveImages,
  tagImage,
} from './images.ts';
import { check, prune, reset, usage } from './system.ts';
import type { Engine } from './types.ts';
import { why } from './why.ts';

/**
 * Opens a store and everything that works on it. Any number of processes may have one open; nothing runs in the background.
 * @throws STORE_TOO_NEW, STORE_DAMAGED
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const context = await openContext(options);
  return {
    build: (request, watch) => build(context, request, watch),
    why: (request) => why(context, request),
    run: (request, watch) => run(context, request, watch),
    exec: (request) => execIn(context, request),
    containers: (query) => listContainers(context, query),
    logs: (container, query, watch) => logsOf(context, container, query, watch),
    stop: (container, how) => stopContainer(context, container, how),
    removeContainer: (container, how) => removeContainer(context, container, how),
    commit: (request) => commitContainer(context, request),
    changes: (container) => changesOf(context, container),
    images: () => listImages(context),
    tag: (source, target) => tagImage(context, source, target),
    removeImage: (image, how) => removeImage(context, image, how),
    history: (image) => imageHistory(context, image),
    inspect: async (name, type) => {
      if (type === 'image') return inspectImageByName(context, name);
      if (type === 'container') return inspectContainer(context, name);
      try {
        return await inspectContainer(context, name);
      } catch (error) {
        if (!isShaleError(error, 'CONTAINER_NOT_FOUND')) throw error;
        return inspectImageByName(context, name);
      }
    },
    importImage: (tar, request, watch) => importImage(context, tar, request, watch),
    load: (archive, watch) => loadImages(context, archive, watch),
    save: (request, watch) => saveImages(context, request, watch),
    pull: (request, watch) => pull(context, request, watch),
    makeBase: (request, watch) => makeBase(context, request, watch),
    check: (request, watch) => check(context, request, watch),
    usage: () => usage(context),
    prune: (request, watch) => prune(context, request, watch),
    reset: () => reset(context),
    async [Symbol.asyncDispose]() {
      context.store.leave();
    },
  };
}
