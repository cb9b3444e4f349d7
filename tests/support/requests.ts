/** What the engine is asked for where a test cares for little of it. */
import type { BuildRequest, RunRequest } from '../../src/engine/index.ts';

/** A container in front, without a terminal; its image is here. */
export function containerRequest(
  image: string,
  command: readonly string[],
  more: Partial<RunRequest> = {},
): RunRequest {
  return {
    image,
    command,
    environment: {},
    labels: {},
    volumes: [],
    ports: [],
    readOnly: false,
    removeWhenDone: false,
    interactive: false,
    terminal: false,
    detach: false,
    pull: 'never',
    ...more,
  };
}

/** The build of a folder whose result nothing names. */
export function buildRequest(folder: string, more: Partial<BuildRequest> = {}): BuildRequest {
  return {
    context: { kind: 'directory', path: folder },
    tags: [],
    buildArgs: {},
    labels: {},
    noCache: false,
    pull: false,
    keepNoise: false,
    ...more,
  };
}
