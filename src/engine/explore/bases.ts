import type { ExploredBase } from '../../explore/index.ts';
import { familiarName, parseReference, type DiffId } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';

/** image-spec annotations.md. */
const BASE_NAME = 'org.opencontainers.image.base.name';
const BASE_DIGEST = 'org.opencontainers.image.base.digest';

export interface BaseHints {
  readonly diffIds: readonly DiffId[];
  readonly annotations: Readonly<Record<string, string>>;
  /** What the record of the build says. */
  readonly built: readonly ExploredBase[];
}

/** The images that an image stands on, the lowest first: what its build says, else images of the store with the same lowest layers. */
export async function basesOf({ store }: EngineContext, hints: BaseHints): Promise<ExploredBase[]> {
  const { diffIds, annotations, built } = hints;
  const byCount = new Map<number, ExploredBase>();
  const tags = new Map<string, string[]>();
  for (const { name, target } of await store.tags.list())
    tags.set(target.digest, [...(tags.get(target.digest) ?? []), familiarName(parseReference(name))]);
  for (const image of await store.images.list()) {
    const [name] = (tags.get(image.id) ?? []).toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
    const { length } = image.diffIds;
    if (name === undefined || length === 0 || length >= diffIds.length || byCount.has(length)) continue;
    if (image.diffIds.some((layer, i) => layer !== diffIds[i])) continue;
    byCount.set(length, { name, digest: image.manifests[0]?.digest, layers: length, knownBy: 'layers' });
  }
  for (const base of built) byCount.set(base.layers, base);
  const name = annotations[BASE_NAME];
  if (byCount.size === 0 && name !== undefined)
    return [{ name, digest: annotations[BASE_DIGEST], layers: 0, knownBy: 'annotation' }];
  return [...byCount.values()].toSorted((a, b) => a.layers - b.layers);
}
