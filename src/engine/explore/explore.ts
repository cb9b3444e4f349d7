import { explore, type DockerfileLine, type Exploration, type ExploredBuild } from '../../explore/index.ts';
import { containerConfigJson, formatPlatform } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../watch.ts';
import { basesOf } from './bases.ts';
import { buildFacts } from './build-facts.ts';
import type { ExploreRequest } from './explore-types.ts';
import { placeOf, sourceOf, sourceParts } from './source-parts.ts';
import { historyParts, storedParts } from './stored-parts.ts';

/** See `ExploreOperations.explore`. */
export async function openExploration(
  context: EngineContext,
  { image, platform, folder }: ExploreRequest,
  watch: Watch,
): Promise<Exploration> {
  const place = placeOf(image, folder);
  await using stack = new AsyncDisposableStack();
  const found = stack.use(
    place.kind === 'store'
      ? await storedParts(context, place.image, platform)
      : await sourceParts(context, place, { platform, watch }),
  );
  const { config, layers, tags, annotations } = found;
  const facts = await buildFacts(context, found.id, config.diffIds);
  const kept = stack.move();
  return explore({
    image: {
      name: image,
      id: found.id,
      digest: found.digest,
      source: sourceOf(place),
      platform: formatPlatform(config),
      created: config.created,
      tags,
      bases: await basesOf(context, { diffIds: config.diffIds, annotations, built: facts?.bases ?? [] }),
      config: containerConfigJson(config.config),
    },
    history: historyParts(config),
    layers,
    build: facts?.build,
    lines: linesOf(config.history, facts?.build),
    problems: [],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  });
}

/** The lines of the instructions that made a layer, by their place in the history. */
function linesOf(
  history: readonly { readonly emptyLayer?: boolean }[],
  build: ExploredBuild | undefined,
): Map<number, DockerfileLine> {
  const lines = new Map<number, DockerfileLine>();
  let layer = 0;
  for (const [number, { emptyLayer }] of history.entries()) {
    if (emptyLayer === true) continue;
    const line = build?.steps.find((step) => step.layer === layer)?.line;
    if (line !== undefined) lines.set(number, line);
    layer++;
  }
  return lines;
}
