import { describeImage, putImageSet, putPredicates, type ImageOfSet, type ImageSet } from '../../images/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { Publication, Store, TagTarget } from '../../store/index.ts';
import { documentAnnotations, imageAnnotations, imageReport, namesOf } from './describe.ts';
import type { ExportContext, Exported, Exporter, Product } from './exporter.ts';
import type { Annotation, ImageOutput } from './output.ts';

/**
 * The images in the store, and the names moved to them: to the image itself, or to a set of images where there are several
 * platforms, annotations or attestations. What is there under all its names already is left alone.
 */
export function imageExporter(output: ImageOutput): Exporter {
  return {
    title: undefined,
    export: (product, context) => exportImage(output, product, context),
  };
}

async function exportImage(output: ImageOutput, product: Product, { layers }: ExportContext): Promise<Exported> {
  const { store } = layers;
  const names = namesOf(product, output.names);
  const target = await targetOf(store, product, output.annotations);
  if (!(await isPublished(store, product, target, names)))
    await store.publish(await publicationOf(store, product, { target, names }));
  const { digest } = target;
  const [image] = product.images;
  const configDigest = product.isIndex ? undefined : image?.id;
  return { digest, report: imageReport({ digest, configDigest, names }) };
}

type Target =
  | { readonly kind: 'image'; readonly digest: Digest }
  | { readonly kind: 'index'; readonly digest: Digest; readonly record: Awaited<ReturnType<typeof putImageSet>> };

async function targetOf(store: Store, product: Product, annotations: readonly Annotation[]): Promise<Target> {
  const [only] = product.images;
  const isAttested = product.images.some((image) => (image.attestations ?? []).length > 0);
  if (!product.isIndex && annotations.length === 0 && !isAttested && only !== undefined)
    return { kind: 'image', digest: only.id };
  const images: ImageOfSet[] = [];
  for (const image of product.images)
    images.push({
      id: image.id,
      sizeBytes: image.config.length,
      platform: image.platform,
      annotations: imageAnnotations(annotations, image.platform),
      attestations: await putPredicates(store, image.attestations ?? []),
    });
  const set: ImageSet = {
    kind: product.isIndex ? 'index' : 'image',
    images,
    attestationStyle: product.attestationStyle,
    ...documentAnnotations(annotations),
  };
  const record = await putImageSet(store, set);
  return { kind: 'index', digest: record.digest, record };
}

async function publicationOf(
  store: Store,
  product: Product,
  { target, names }: { readonly target: Target; readonly names: readonly string[] },
): Promise<Publication> {
  const images = [];
  for (const { id, parsed } of product.images) images.push(await describeImage(store, id, parsed, { madeHere: true }));
  const to: TagTarget = { kind: target.kind, digest: target.digest };
  return {
    images,
    ...(target.kind === 'index' && { indexes: [target.record] }),
    tags: names.map((name) => ({ name, target: to })),
    reason: product.reason,
    origin: product.origin,
  };
}

async function isPublished(store: Store, product: Product, target: Target, names: readonly string[]): Promise<boolean> {
  for (const { id } of product.images) if ((await store.images.find(id)) === undefined) return false;
  if (target.kind === 'index' && (await store.indexes.find(target.digest)) === undefined) return false;
  for (const name of names) if ((await store.tags.find(name))?.target.digest !== target.digest) return false;
  return true;
}
