import { resolve } from 'node:path';
import type { Engine, RunRequest, Watch } from '../../engine/index.ts';
import type { Context } from '../context.ts';

/** What no image is called: a folder. */
const FOLDER = /^(\.{1,2}(\/|$)|\/)/;

/**
 * `run ./dir`: builds the Dockerfile in that folder, as `build ./dir` would, and runs what comes out. Other requests are
 * left as they are. `--pull always` is for its base images then.
 */
export async function buildAtNeed(
  context: Context,
  engine: Engine,
  { request, watch }: { readonly request: RunRequest; readonly watch: Watch },
): Promise<RunRequest> {
  if (!FOLDER.test(request.image)) return request;
  const { imageId } = await engine.build(
    {
      context: { kind: 'directory', path: resolve(context.cwd, request.image) },
      tags: [],
      buildArgs: {},
      labels: {},
      ...(request.platform !== undefined && { platforms: [request.platform] }),
      noCache: false,
      pull: request.pull === 'always',
      keepNoise: false,
    },
    watch,
  );
  return { ...request, image: imageId, pull: 'never' };
}
