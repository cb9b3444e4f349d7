import {
  containerConfigJson,
  familiarName,
  familiarRepository,
  formatPlatform,
  parseReference,
  type Digest,
} from '../oci/index.ts';
import { readConfig, readImageSet, type FoundImage } from '../images/index.ts';
import type { Store } from '../store/index.ts';

/**
 * An image as `docker image inspect` shows it; what docker has no field for stands under `Shale`. Of a set it is the image
 * of this machine's platform, with the whole set under `Shale`.
 */
export async function inspectImage(store: Store, { record, set }: FoundImage): Promise<Record<string, unknown>> {
  const config = await readConfig(store, record.id);
  const repositories = record.manifests.flatMap((manifest) =>
    manifest.repositories.map((repository) => `${familiarRepository(parseReference(repository))}@${manifest.digest}`),
  );
  const tags = [...(set === undefined ? [] : await store.tags.of(set.digest)), ...(await store.tags.of(record.id))];
  const names = tags.map((tag) => familiarName(parseReference(tag.name)));
  const moved = tags.map((tag) => tag.movedAt);
  return {
    Id: record.id,
    RepoTags: names,
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
    Shale: {
      MadeHere: record.madeHere,
      Names: names,
      ...(set !== undefined && { Set: await inspectSet(store, set.digest) }),
    },
  };
}

async function inspectSet(store: Store, digest: Digest): Promise<Record<string, unknown>> {
  const { kind, images, annotations, descriptorAnnotations } = await readImageSet(store, digest);
  return {
    Id: digest,
    Kind: kind,
    ...(annotations !== undefined && { Annotations: annotations }),
    ...(descriptorAnnotations !== undefined && { DescriptorAnnotations: descriptorAnnotations }),
    Images: images.map((image) => ({
      Id: image.id,
      Platform: formatPlatform(image.platform),
      ...(image.annotations?.manifest !== undefined && { Annotations: image.annotations.manifest }),
      ...(image.annotations?.manifestDescriptor !== undefined && {
        DescriptorAnnotations: image.annotations.manifestDescriptor,
      }),
    })),
  };
}
