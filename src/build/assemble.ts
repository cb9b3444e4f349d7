import { invariant } from '../base/index.ts';
import { HISTORY_COMMENT, type BuildPlan } from '../dockerfile/index.ts';
import { formatImageSet, platformOf } from '../images/index.ts';
import type { Layers } from '../layers/index.ts';
import { digestOf, formatImageConfig, type DiffId, type HistoryEntry, type ImageConfig } from '../oci/index.ts';
import type { Solved } from '../solver/index.ts';
import { inlineCacheOf, type BuiltSteps } from './cache/exports.ts';
import type { Product, ProductImage } from './exporters/exporter.ts';
import { makesIndex } from './makes-index.ts';
import type { WholePlan } from './plan.ts';
import type { StepResult } from './result.ts';

type AllSolved = ReadonlyMap<string, Solved<StepResult>>;

/** The images of a build: for each platform its config, which is put into the store, over the layers that were made. */
export async function assembleProduct(
  { platforms, epoch }: WholePlan,
  built: BuiltSteps,
  about: Pick<Product, 'names' | 'reason' | 'origin'> & {
    readonly layers: Layers;
    readonly inlineCache: boolean;
    readonly buildArgs: Readonly<Record<string, string>>;
  },
): Promise<Product> {
  const images: ProductImage[] = [];
  for (const { plan } of platforms) {
    const bare = assembleConfig(plan, built.solved, epoch);
    const parsed = about.inlineCache ? { ...bare, inlineCache: inlineCacheOf(built, bare.diffIds) } : bare;
    const config = formatImageConfig(parsed);
    const id = await about.layers.store.blobs.put(config);
    images.push({ id, config, parsed, platform: platformOf(parsed), diffIds: parsed.diffIds });
  }
  const isIndex = makesIndex(platforms.length, about.buildArgs);
  const { names, reason, origin } = about;
  return { id: productId(images, isIndex), images, isIndex, names, reason, origin };
}

/** The image's id; of several platforms that of their set, without annotations. */
function productId(images: readonly ProductImage[], isIndex: boolean): Product['id'] {
  const [first] = images;
  invariant(first !== undefined, 'a build makes at least one image');
  if (!isIndex) return first.id;
  const members = images.map(({ id, config, platform }) => ({ id, sizeBytes: config.length, platform }));
  return digestOf(formatImageSet({ kind: 'index', images: members }));
}

/** The image's config: what the Dockerfile says, the layers that the build made, and a history that fits both. */
function assembleConfig(plan: BuildPlan, solved: AllSolved, epoch: number): ImageConfig {
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
  return {
    ...plan.config,
    created,
    diffIds: stackOf(plan, solved),
    history: plan.history.map((entry) => historyEntry(entry, created)),
  };
}

function stackOf(plan: BuildPlan, solved: AllSolved): readonly DiffId[] {
  const result = solved.get(plan.result)?.result;
  invariant(result?.kind === 'rootfs', 'the target of a build is a root filesystem');
  return result.stack;
}

/** Entries of the base stay as they are; those of this build get its time. */
function historyEntry({ vertex: _vertex, ...entry }: BuildPlan['history'][number], created: string): HistoryEntry {
  return entry.comment === HISTORY_COMMENT ? { ...entry, created: entry.created ?? created } : entry;
}
