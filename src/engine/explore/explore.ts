import {
  explore,
  readCreatedBy,
  type DockerfileLine,
  type Exploration,
  type HistoryPart,
} from '../../explore/index.ts';
import { containerConfigJson, formatPlatform } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../watch.ts';
import { basesOf } from './bases.ts';
import { buildFacts, type BuildFacts } from './build-facts.ts';
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
  // Until the exploration is disposed.
  stack.use(context.store.leases.keep());
  const found = stack.use(
    place.kind === 'store'
      ? await storedParts(context, place.image, platform)
      : await sourceParts(context, place, { platform, watch }),
  );
  const { config, layers, tags, annotations } = found;
  const facts = await buildFacts(context, found.id, config.diffIds);
  const history = historyParts(config);
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
    history,
    layers,
    build: facts?.build,
    lines: linesOf(history, facts),
    problems: [],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  });
}

/**
 * The lines of instructions, by their place in the history: those of steps are known; the others are those of the
 * Dockerfile, from its end as far as both say the same.
 */
function linesOf(history: readonly HistoryPart[], facts: BuildFacts | undefined): Map<number, DockerfileLine> {
  const lines = new Map<number, DockerfileLine>();
  if (facts === undefined) return lines;
  for (let back = 1; back <= Math.min(history.length, facts.instructions.length); back++) {
    const [entry, instruction] = [history.at(-back), facts.instructions.at(-back)];
    if (entry === undefined || instruction === undefined || readCreatedBy(entry).keyword !== instruction.keyword) break;
    const { file, first, last } = instruction;
    lines.set(history.length - back, { file, first, last });
  }
  let layer = 0;
  for (const [number, { isEmptyLayer }] of history.entries()) {
    if (isEmptyLayer) continue;
    const line = facts.build.steps.find((step) => step.layer === layer)?.line;
    if (line !== undefined) lines.set(number, line);
    layer++;
  }
  return lines;
}
