import { open } from 'node:fs/promises';
import { compress, compressorIdentity } from '../archive/index.ts';
import type { Layers } from '../layers/index.ts';
import { layerCompression, ociLayerType, type Descriptor, type DiffId, type LayerCompression } from '../oci/index.ts';
import type { Encoding } from '../store/index.ts';

/** Bytes read at once. */
const READ_BYTES = 1024 * 1024;

/** A layer in one encoding: what a manifest says of it, and the file that holds the bytes. */
export interface EncodedLayer {
  readonly descriptor: Descriptor;
  readonly path: string;
}

/** How layers are compressed: `level` is 1 to 9 for gzip, 1 to 19 for zstd, the compressor's own when absent. */
export interface LayerEncoding {
  readonly compression: LayerCompression;
  readonly level?: number | undefined;
  /**
   * `any`: an encoding of this kind that came with a pulled image will do, so that registries have it already. Without it
   * only what this release makes, the same on every machine.
   */
  readonly reuse?: 'any' | undefined;
}

/**
 * Gives a layer in the compression that is asked for. An encoding that this release made before is taken again; a new one is
 * recorded with who made it. The same layer gives the same bytes on every machine with this release and its zlib.
 * @throws LAYER_NOT_FOUND
 */
export async function encodeLayer(
  layers: Layers,
  diffId: DiffId,
  { compression, level, reuse }: LayerEncoding,
  signal: AbortSignal,
): Promise<EncodedLayer> {
  const { store } = layers;
  if (reuse === 'any' && level === undefined) {
    const came = await findEncoding(layers, diffId, (one) => layerCompression(one.mediaType) === compression);
    if (came !== undefined) return came;
  }
  const { tarPath, tarSizeBytes } = await layers.open(diffId);
  const mediaType = ociLayerType(compression);
  if (compression === 'none') return { descriptor: { mediaType, digest: diffId, size: tarSizeBytes }, path: tarPath };
  const compressor = compressorIdentity(compression, level);
  const made = await findEncoding(layers, diffId, (one) => one.compressor === compressor);
  if (made !== undefined) return made;
  await using ingest = await store.blobs.createIngest();
  const how = { kind: compression, isTransient: true, signal, ...(level !== undefined && { level }) };
  for await (const chunk of compress(fileBytes(tarPath, tarSizeBytes), how)) ingest.writeSync(chunk);
  const size = ingest.sizeBytes;
  const digest = await ingest.commit();
  await store.encodings.add(diffId, { digest, sizeBytes: size, mediaType, compressor });
  return { descriptor: { mediaType, digest, size }, path: store.blobs.path(digest) };
}

/** An encoding whose bytes are here, with OCI's media type. */
async function findEncoding(
  { store }: Layers,
  diffId: DiffId,
  fits: (encoding: Encoding) => boolean,
): Promise<EncodedLayer | undefined> {
  for (const encoding of await store.encodings.list(diffId)) {
    const there = fits(encoding) ? await store.blobs.find(encoding.digest) : undefined;
    if (there === undefined) continue;
    const mediaType = ociLayerType(layerCompression(encoding.mediaType) ?? 'none');
    return { descriptor: { mediaType, digest: encoding.digest, size: there.sizeBytes }, path: there.path };
  }
  return undefined;
}

/** `sizeBytes` of a file, from `offset` on. */
export async function* fileBytes(path: string, sizeBytes: number, offset = 0): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r');
  for (let done = 0; done < sizeBytes;) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, sizeBytes - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset + done);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    done += bytesRead;
  }
}
