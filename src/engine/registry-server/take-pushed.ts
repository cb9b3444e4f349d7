import { isShaleError, ShaleError } from '../../base/index.ts';
import { entryOf, fileBytes, isImage, takeImage, type ImageSource } from '../../images/index.ts';
import type { Layers } from '../../layers/index.ts';
import {
  MEDIA,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ImageManifest,
} from '../../oci/index.ts';
import type { ServedManifest } from '../../registry/index.ts';
import type { ImageIndexEntry, Store, TagTarget } from '../../store/index.ts';

export interface PushHow {
  /** Of the store: `docker.io/library/web`. */
  readonly repository: string;
  readonly tags: readonly string[];
  /** For the tags' history. */
  readonly reason: string;
  readonly hasBlob: (digest: Digest) => Promise<boolean>;
  readonly hasManifest: (digest: Digest) => Promise<boolean>;
  readonly signal: AbortSignal;
}

export interface Pushed {
  /** The manifest with the media type that it has. */
  readonly taken: ServedManifest;
  /** What its tags lead to. */
  readonly target: TagTarget;
  /** Why it cannot be run, where it looks as if it could. */
  readonly warning?: string;
}

/** What makes an image one that cannot be run. Everything else is the store's or the machine's trouble. */
const UNRUNNABLE =
  /^(?:MANIFEST_INVALID|CONFIG_INVALID|JSON_INVALID|DIGEST_INVALID|DIGEST_MISMATCH|SIZE_MISMATCH|LIMIT_EXCEEDED|PLATFORM_INVALID|TAR_.*|COMPRESS_.*)$/;

/**
 * Takes a manifest that was pushed, when all that it names is there. An image is unpacked and verified as one that is pulled,
 * and can be run from now on; everything else is kept byte for byte. The tags move last.
 * @throws MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN
 */
export async function takePushed(layers: Layers, manifest: ServedManifest, how: PushHow): Promise<Pushed> {
  const { bytes, digest } = manifest;
  const parsed = parse(manifest);
  if (parsed.kind === 'index') {
    const { index } = parsed;
    const taken = { bytes, digest, mediaType: index.mediaType };
    await refuseMissing(index.manifests, 'manifest', how.hasManifest);
    return await keepAsItIs(layers.store, taken, await entriesOf(layers.store, index), how);
  }
  const taken = { bytes, digest, mediaType: parsed.manifest.mediaType };
  const blobs = [parsed.manifest.config, ...parsed.manifest.layers];
  await refuseMissing(blobs.filter(isDistributed), 'blob', how.hasBlob);
  for (const blob of blobs) await refuseOtherSize(layers.store, blob);
  if (!looksRunnable(parsed.manifest))
    return await keepAsItIs(
      layers.store,
      taken,
      blobs.map((blob) => entryOf(blob, undefined)),
      how,
    );
  try {
    return await takeRunnable(layers, taken, how);
  } catch (error) {
    if (!isShaleError(error) || !UNRUNNABLE.test(error.code)) throw error;
    const kept = await keepAsItIs(
      layers.store,
      taken,
      blobs.map((blob) => entryOf(blob, undefined)),
      how,
    );
    return { ...kept, warning: `kept as it is, but it cannot be run: ${error.message}` };
  }
}

/** @throws MANIFEST_INVALID whatever is wrong with it */
function parse({ bytes, mediaType }: ServedManifest): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(bytes, mediaType === '' ? undefined : mediaType);
  } catch (error) {
    if (isShaleError(error, 'MANIFEST_INVALID') || !isShaleError(error)) throw error;
    throw new ShaleError('MANIFEST_INVALID', error.message, { cause: error });
  }
}

async function refuseMissing(
  named: readonly Descriptor[],
  what: string,
  isThere: (digest: Digest) => Promise<boolean>,
): Promise<void> {
  for (const { digest } of named) {
    if (await isThere(digest)) continue;
    throw new ShaleError('MANIFEST_BLOB_UNKNOWN', `the ${what} ${digest} is not in the repository`);
  }
}

async function refuseOtherSize(store: Store, { digest, size }: Descriptor): Promise<void> {
  const there = await store.blobs.find(digest);
  if (there === undefined || there.sizeBytes === size) return;
  const message = `the manifest says that ${digest} has ${size} bytes, it has ${there.sizeBytes}`;
  throw new ShaleError('MANIFEST_INVALID', message);
}

/** Layers that nobody may hand on come from elsewhere (image-spec layer.md, "Non-Distributable Layers"). */
function isDistributed({ mediaType }: Descriptor): boolean {
  return !/\.(?:nondistributable|foreign)\./.test(mediaType);
}

function looksRunnable(manifest: ImageManifest): boolean {
  const { config, artifactType, layers } = manifest;
  const isConfig = config.mediaType === MEDIA.ociConfig || config.mediaType === MEDIA.dockerConfig;
  return isConfig && artifactType === undefined && isImage(manifest) && layers.every(isDistributed);
}

async function takeRunnable(layers: Layers, taken: ServedManifest, how: PushHow): Promise<Pushed> {
  const { store } = layers;
  const { repository, reason, signal } = how;
  await using source = uploaded(store, taken);
  const { id } = await takeImage(layers, source, { platform: 'any', lazy: false, name: undefined, reason, signal });
  const record = await store.images.get(id);
  const { digest, mediaType, bytes } = taken;
  const manifest = { digest, mediaType, sizeBytes: bytes.byteLength, repositories: [repository] };
  const images = [{ ...record, manifests: [manifest] }];
  const others = record.manifests.filter((one) => one.digest !== digest && one.repositories.includes(repository));
  const isOneOfMany = others.length > 0 || (await store.indexes.find(digest)) !== undefined;
  if (!isOneOfMany) {
    const target = { kind: 'image', digest: id } as const;
    await store.publish({ images, tags: tagsOf(target, how), reason });
    return { taken, target };
  }
  // From now on tags have to say which encoding they mean; those that are there mean the one that was alone until now.
  const [alone, ...more] = others;
  const before = alone === undefined || more.length > 0 ? [] : await tagsToImage(store, id, repository);
  const target = { kind: 'index', digest } as const;
  const pinned = alone === undefined || before.length === 0 ? [manifest] : [manifest, alone];
  const { sizeBytes } = await store.blobs.get(id);
  const entries = [{ digest: id, sizeBytes, mediaType: MEDIA.ociConfig, platform: record.platform, imageId: id }];
  await store.publish({
    images,
    indexes: pinned.map((one) => ({ ...one, entries })),
    tags: [
      ...before.map((name) => ({ name, target: { kind: 'index', digest: alone?.digest ?? digest } as const })),
      ...tagsOf(target, how),
    ],
    reason,
  });
  return { taken, target };
}

/** Names of the repository that lead to the image, in whatever encoding. */
async function tagsToImage(store: Store, id: Digest, repository: string): Promise<string[]> {
  return (await store.tags.of(id)).map(({ name }) => name).filter((name) => name.startsWith(`${repository}:`));
}

/** What is in the store already as a place that an image is taken from. */
function uploaded(store: Store, root: ServedManifest): ImageSource {
  return {
    name: root.digest,
    root: async () => root,
    manifest: async ({ digest }) => {
      throw new ShaleError('MANIFEST_UNKNOWN', `the manifest ${digest} was not pushed`);
    },
    async *blob({ digest }, offset = 0) {
      const { path, sizeBytes } = await store.blobs.get(digest);
      if (offset === 0) yield* store.blobs.stream(digest);
      else yield* fileBytes(path, sizeBytes - offset, offset);
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function keepAsItIs(
  store: Store,
  { bytes, digest, mediaType }: ServedManifest,
  entries: readonly ImageIndexEntry[],
  how: PushHow,
): Promise<Pushed> {
  await store.blobs.put(bytes);
  const { repository, reason } = how;
  const record = { digest, mediaType, sizeBytes: bytes.byteLength, entries, repositories: [repository] };
  const target = { kind: 'index', digest } as const;
  await store.publish({ indexes: [record], tags: tagsOf(target, how), reason });
  return { taken: { bytes, digest, mediaType }, target };
}

function tagsOf(target: TagTarget, { repository, tags }: PushHow): { name: string; target: TagTarget }[] {
  return tags.map((tag) => ({ name: `${repository}:${tag}`, target }));
}

async function entriesOf(store: Store, index: ImageIndex): Promise<ImageIndexEntry[]> {
  const entries: ImageIndexEntry[] = [];
  for (const descriptor of index.manifests) {
    const imageId = (await store.images.findByManifest(descriptor.digest))?.id;
    entries.push(entryOf(descriptor, imageId));
  }
  return entries;
}
