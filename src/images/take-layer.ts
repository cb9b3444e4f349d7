import { sniffCompression } from '../archive/index.ts';
import { isShaleError, ShaleError } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import { layerCompression, type Descriptor, type DiffId } from '../oci/index.ts';
import type { Ingest } from '../store/index.ts';
import type { ImageSource, TellBlob } from './content.ts';
import { fileBytes } from './encode.ts';
import { unpackLayer } from './unpack-layer.ts';

/** After these the bytes that came are right as far as they go, and the next attempt goes on from there. */
const RESUMABLE: readonly string[] = ['REGISTRY_UNREACHABLE', 'REGISTRY_ERROR', 'REGISTRY_AUTH'];

export interface LayerRequest {
  readonly diffId: DiffId;
  /** The layer as the manifest names it. */
  readonly layer: Descriptor;
  readonly signal: AbortSignal;
  readonly tell?: TellBlob | undefined;
}

/**
 * Brings a layer into the store: one pass from the socket to the verified tar with its index, while the bytes as they came
 * are kept beside it, so that the image can be pushed on with the same digests. Of all processes one fetches, the others wait
 * for it. What an interrupted attempt brought, also that of an earlier command, is not fetched again.
 * @throws DIGEST_MISMATCH, MANIFEST_INVALID, and what source, decompress and TarParser throw
 */
export async function takeLayer(layers: Layers, source: ImageSource, request: LayerRequest): Promise<void> {
  const { diffId, layer, signal, tell } = request;
  const { store } = layers;
  if ((await store.blobs.find(diffId)) !== undefined) return tellPresent(request);
  if (layerCompression(layer.mediaType) === undefined)
    throw new ShaleError('MANIFEST_INVALID', `${layer.mediaType} is not a layer`);
  await using ingest = await store.blobs.createIngest({
    ref: layer.digest,
    expectedDigest: layer.digest,
    expectedSizeBytes: layer.size,
    wait: true,
    signal,
    // The source verifies what it gives from the first byte on.
    hash: false,
  });
  // Whoever we waited for may have brought it.
  if ((await store.blobs.find(diffId)) !== undefined) return tellPresent(request);
  if ((await store.blobs.find(layer.digest)) === undefined) {
    try {
      await fetch(layers, source, { ...request, ingest });
    } catch (error) {
      if (signal.aborted || isShaleError(error, ...RESUMABLE)) await ingest.keep();
      throw error;
    }
  } else await unpackLayer(layers, store.blobs.stream(layer.digest), { diffId, signal, ownsChunks: true });
  if (layer.digest !== diffId)
    await store.encodings.add(diffId, {
      digest: layer.digest,
      sizeBytes: layer.size,
      mediaType: layer.mediaType,
      compressor: 'foreign',
    });
  tell?.({ digest: layer.digest, kind: 'done', currentBytes: layer.size, totalBytes: layer.size, hadBytes: 0 });
}

type Fetching = LayerRequest & { readonly ingest: Ingest };

async function fetch(layers: Layers, source: ImageSource, request: Fetching): Promise<void> {
  const { diffId, layer, ingest } = request;
  // What an earlier attempt brought was verified by nobody yet.
  const verified = ingest.sizeBytes === 0 ? layer.digest : undefined;
  const bytes = kept(source, request);
  if (layer.digest === diffId) {
    // Uncompressed: what comes is the tar itself.
    let isFirst = true;
    for await (const chunk of bytes) {
      if (isFirst && sniffCompression(chunk) !== 'none')
        throw new ShaleError('DIGEST_MISMATCH', `the config takes the compressed layer ${diffId} for a tar`);
      isFirst = false;
    }
    await ingest.commit(verified);
    return await layers.adopt(diffId);
  }
  await unpackLayer(layers, bytes, { diffId, signal: request.signal, ownsChunks: true });
  await ingest.commit(verified);
}

/** The bytes of a layer: those of an earlier attempt, then those of the source, each kept as it passes. */
async function* kept(source: ImageSource, { layer, ingest, tell }: Fetching): AsyncGenerator<Uint8Array> {
  const hadBytes = ingest.sizeBytes;
  const told = { digest: layer.digest, kind: 'moving', totalBytes: layer.size, hadBytes } as const;
  tell?.({ ...told, currentBytes: hadBytes });
  yield* fileBytes(ingest.path, hadBytes);
  for await (const chunk of source.blob(layer, hadBytes)) {
    ingest.writeSync(chunk);
    tell?.({ ...told, currentBytes: ingest.sizeBytes });
    yield chunk;
  }
}

function tellPresent({ layer, tell }: LayerRequest): void {
  const { digest, size } = layer;
  tell?.({ digest, kind: 'present', currentBytes: size, totalBytes: size, hadBytes: size });
}
