import { ShaleError } from '../../base/index.ts';
import { copyImage, findImage, storeSource, type Document, type ImageSource } from '../../images/index.ts';
import {
  digestOf,
  formatManifest,
  MEDIA,
  parseManifest,
  parsePlatform,
  type Descriptor,
  type Digest,
} from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { openSink, type Place } from '../places.ts';
import type { Watch } from '../types.ts';
import { archiveOf, LOCK_ARTIFACT_TYPE, namedBlobs } from './archive.ts';
import { requireLock, type FoundLock } from './lock-place.ts';
import type { VendorOutcome, VendorPlace } from './lock-types.ts';
import { requireWhole } from './pins.ts';

const VENDORED = 'io.shale.lock';
export const BASE_NAME: string = 'org.opencontainers.image.base.name';

/** `shale lock vendor`: see `LockEngine.vendorLocked`. */
export async function vendorLocked(
  context: EngineContext,
  path: string,
  to: VendorPlace,
  watch: Watch,
): Promise<VendorOutcome> {
  const found = requireLock(path);
  await requireWhole(context, found);
  await using source = await vendorSource(context, found, watch);
  await using sink = openSink(context, placeOf(to), watch);
  await copyImage(source, sink, { platform: 'all', referrers: false, signal: watch.signal });
  const blobs = [...namedBlobs(found.lock).keys()];
  let sizeBytes = 0;
  for (const digest of blobs) sizeBytes += (await context.store.blobs.get(digest)).sizeBytes;
  return { path, blobs: blobs.length, sizeBytes, bases: found.lock.bases.length };
}

/** As `copy` names places. */
export function placeOf(place: VendorPlace): Exclude<Place, { kind: 'store' }> {
  return place.kind === 'folder'
    ? { kind: 'oci', path: place.path, name: 'lock' }
    : { kind: 'docker', reference: place.reference };
}

/** The archive of a lock and its base images as one index. */
async function vendorSource(context: EngineContext, found: FoundLock, watch: Watch): Promise<ImageSource> {
  const { store, layers } = context;
  await using opened = new AsyncDisposableStack();
  const archive = await archiveOf(store, found.lock);
  const documents = new Map<Digest, Document>([[archive.digest, archive]]);
  const origins = new Map<Digest, ImageSource>();
  const entries: Descriptor[] = [{ ...descriptorOf(archive), artifactType: LOCK_ARTIFACT_TYPE }];
  for (const base of found.lock.bases) {
    const image = await findImage(store, base.image);
    if (image === undefined)
      throw new ShaleError('LOCK_INCOMPLETE', `the base image ${base.reference} of ${found.name} is not in the store`, {
        hint: 'shale lock fetch brings it',
      });
    const options = { signal: watch.signal, registry: context.registry(watch.signal) };
    const source = opened.use(await storeSource(layers, { ...image, set: undefined }, base.reference, options));
    const root = await source.root();
    documents.set(root.digest, root);
    for (const blob of blobsOf(root)) origins.set(blob.digest, source);
    const annotations = { [BASE_NAME]: base.reference };
    entries.push({ ...descriptorOf(root), platform: parsePlatform(base.platform), annotations });
  }
  const bytes = formatManifest({
    kind: 'index',
    index: { mediaType: MEDIA.ociIndex, manifests: entries, annotations: { [VENDORED]: '1' } },
  });
  const root = { bytes, digest: digestOf(bytes), mediaType: MEDIA.ociIndex };
  const kept = opened.move();
  return {
    name: found.name,
    root: async () => root,
    async manifest({ digest }) {
      const document = documents.get(digest);
      if (document !== undefined) return document;
      throw new ShaleError('MANIFEST_UNKNOWN', `${found.name} names no manifest ${digest}`);
    },
    blob: (descriptor, offset = 0) =>
      origins.get(descriptor.digest)?.blob(descriptor, offset) ?? ownBlob(descriptor, offset),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };

  async function* ownBlob({ digest }: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
    let skip = offset;
    for await (const chunk of store.blobs.stream(digest)) {
      if (skip < chunk.byteLength) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.byteLength);
    }
  }
}

function descriptorOf({ bytes, digest, mediaType }: Document): Descriptor {
  return { mediaType, digest, size: bytes.byteLength };
}

function blobsOf({ bytes, mediaType }: Document): readonly Descriptor[] {
  const parsed = parseManifest(bytes, mediaType);
  return parsed.kind === 'manifest' ? [parsed.manifest.config, ...parsed.manifest.layers] : [];
}
