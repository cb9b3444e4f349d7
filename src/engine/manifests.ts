import { ShaleError } from '../base/index.ts';
import {
  findImage,
  getImage,
  pullImage,
  putImageSet,
  readImageSet,
  type ImageOfSet,
  type ImageSet,
} from '../images/index.ts';
import { formatReference, parseManifest, parseReference, type Platform } from '../oci/index.ts';
import type { ImageIndexRecord, ImageRecord, Store } from '../store/index.ts';
import type { EngineContext } from './context.ts';
import { openStored } from './places.ts';
import { remoteDocument } from './registries.ts';
import type { ManifestAnnotation, ManifestDocument, Watch } from './types.ts';

/**
 * Makes a name lead to several images. Those that are not in the store are asked for in their registries: manifest and
 * config come, layers when something needs them. With `amend` they join what the name leads to already.
 * @throws TAG_EXISTS, IMAGE_NOT_FOUND, and what pulling throws
 */
export async function createManifestList(
  context: EngineContext,
  request: { readonly list: string; readonly images: readonly string[]; readonly amend: boolean },
  watch: Watch,
): Promise<{ readonly id: string; readonly name: string }> {
  const name = formatReference(parseReference(request.list));
  const before = (await findImage(context.store, name))?.set;
  if (before === undefined ? (await context.store.tags.find(name)) !== undefined : !request.amend)
    throw new ShaleError('TAG_EXISTS', `${request.list} leads to something already`, {
      hint: before === undefined ? `shale rmi ${request.list}` : 'add to it with --amend',
    });
  const images = before === undefined ? [] : [...(await readImageSet(context.store, before.digest)).images];
  for (const image of request.images) {
    for (const one of await imagesOf(context, image, watch)) {
      const at = images.findIndex((other) => samePlatform(other.platform, one.platform));
      if (at < 0) images.push(one);
      else images[at] = one;
    }
  }
  const set: ImageSet =
    before === undefined
      ? { kind: 'index', images }
      : { ...(await readImageSet(context.store, before.digest)), kind: 'index', images };
  return { id: await publishList(context, name, set, before), name: request.list };
}

/** What an argument of `create` stands for: an image, or all those of an index. */
async function imagesOf(context: EngineContext, image: string, watch: Watch): Promise<readonly ImageOfSet[]> {
  const { store } = context;
  const found = await findImage(store, image);
  if (found === undefined) return await imagesInRegistry(context, image, watch);
  if (found.set !== undefined) return (await readImageSet(store, found.set.digest)).images;
  return [await imageOf(store, found.record)];
}

/** Manifests and configs come into the store, without a name: what people asked for is the list. */
async function imagesInRegistry(context: EngineContext, image: string, watch: Watch): Promise<readonly ImageOfSet[]> {
  const { store } = context;
  const { bytes, digest, mediaType } = await remoteDocument(context, image, watch);
  const isIndex = parseManifest(bytes, mediaType).kind === 'index';
  const reference = { ...parseReference(image), tag: undefined, digest };
  const how = { platform: isIndex ? 'all' : 'any', registry: context.registry(watch.signal), lazy: true } as const;
  const { id } = await pullImage(context.layers, reference, how);
  if (!isIndex) return [await imageOf(store, await store.images.get(id))];
  const { images } = await readImageSet(store, digest);
  if ((await store.tags.of(digest)).length === 0) await store.indexes.remove(digest);
  return images;
}

async function imageOf(store: Store, { id, platform }: ImageRecord): Promise<ImageOfSet> {
  return { id, platform, sizeBytes: (await store.blobs.get(id)).sizeBytes };
}

function samePlatform(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant && a.osVersion === b.osVersion;
}

/**
 * Says for which platform an image of a list is.
 * @throws IMAGE_NOT_FOUND when the name is no list, or the image not in it
 */
export async function annotateManifestList(
  context: EngineContext,
  request: { readonly list: string; readonly image: string } & ManifestAnnotation,
  watch: Watch,
): Promise<{ readonly id: string }> {
  const { store } = context;
  const name = formatReference(parseReference(request.list));
  const record = await listOf(context, request.list);
  const set = await readImageSet(store, record.digest);
  // What came from a registry for the list has no name here: its manifest says which image it is.
  const wanted =
    (await findImage(store, request.image))?.record ??
    (await store.images.findByManifest((await remoteDocument(context, request.image, watch)).digest));
  const at = set.images.findIndex(({ id }) => id === wanted?.id);
  const image = set.images[at];
  if (image === undefined) throw new ShaleError('IMAGE_NOT_FOUND', `${request.list} has no image ${request.image}`);
  const { os, architecture, variant, osVersion, annotations } = request;
  const platform = {
    ...image.platform,
    ...(os !== undefined && { os }),
    ...(architecture !== undefined && { architecture }),
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
  };
  const described = { ...image.annotations?.manifestDescriptor, ...annotations };
  const changed: ImageOfSet = {
    ...image,
    platform,
    annotations: { ...image.annotations, manifestDescriptor: described },
  };
  const images = set.images.map((one, i) => (i === at ? changed : one));
  return { id: await publishList(context, name, { ...set, kind: 'index', images }, record) };
}

/** The manifest or index of a name of the store, as a push would send it; else the registry's. */
export async function inspectManifest(context: EngineContext, name: string, watch: Watch): Promise<ManifestDocument> {
  if ((await findImage(context.store, name)) === undefined) return await remoteDocument(context, name, watch);
  await using source = await openStored(context, name, watch, {});
  return await source.root();
}

/** Removes a list; images that it alone names go with it. @throws IMAGE_NOT_FOUND */
export async function removeManifestList(context: EngineContext, list: string): Promise<void> {
  await listOf(context, list);
  const { removeImage } = await import('./images.ts');
  await removeImage(context, list, { force: false });
}

async function listOf({ store }: EngineContext, name: string): Promise<ImageIndexRecord> {
  const { set } = await getImage(store, name);
  if (set !== undefined) return set;
  throw new ShaleError('IMAGE_NOT_FOUND', `${name} is one image and no list of several`, { data: { name } });
}

/** Moves the name to the list; what it led to before goes when nothing else names it. */
async function publishList(
  { store }: EngineContext,
  name: string,
  set: ImageSet,
  before: ImageIndexRecord | undefined,
): Promise<string> {
  const record = await putImageSet(store, set);
  await store.publish({
    indexes: [record],
    tags: [{ name, target: { kind: 'index', digest: record.digest } }],
    reason: 'manifest',
  });
  const isOld = before !== undefined && before.digest !== record.digest;
  if (isOld && (await store.tags.of(before.digest)).length === 0) await store.indexes.remove(before.digest);
  return record.digest;
}
