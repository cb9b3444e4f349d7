import { containerConfigJson, familiarName, familiarRepository, parseReference } from '../oci/index.ts';
import { namesOf, readConfig } from '../images/index.ts';
import type { ImageRecord, Store } from '../store/index.ts';

/** An image as `docker image inspect` shows it; what docker has no field for stands under `Shale`. */
export async function inspectImage(store: Store, record: ImageRecord): Promise<Record<string, unknown>> {
  const config = await readConfig(store, record.id);
  const repositories = record.manifests.flatMap((manifest) =>
    manifest.repositories.map((repository) => `${familiarRepository(parseReference(repository))}@${manifest.digest}`),
  );
  const tags = await store.tags.of(record.id);
  const moved = tags.map((tag) => tag.movedAt);
  return {
    Id: record.id,
    RepoTags: await namesOf(store, record),
    RepoDigests: repositories,
    Comment: config.history.at(-1)?.comment ?? '',
    Created: config.created ?? '0001-01-01T00:00:00Z',
    Author: config.author ?? '',
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    Size: record.sizeBytes ?? 0,
    Config: containerConfigJson(config.config),
    RootFS: { Type: 'layers', Layers: config.diffIds },
    Metadata: { LastTagTime: new Date(moved.length === 0 ? record.addedAt : Math.max(...moved)).toISOString() },
    Shale: { MadeHere: record.madeHere, Names: tags.map((tag) => familiarName(parseReference(tag.name))) },
  };
}
