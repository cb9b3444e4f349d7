import { decompress } from '../archive/index.ts';
import type { ByteStream } from '../base/index.ts';
import type { LayerInfo, Layers } from '../layers/index.ts';
import type { DiffId } from '../oci/index.ts';

/** Bytes of uncompressed tar that one layer may have. */
export const LAYER_BYTES_MAX: number = 256 * 1024 ** 3;

export interface UnpackLayerOptions {
  /** What it has to be, where that is known. */
  readonly diffId?: DiffId | undefined;
  /** Names it in messages; the layer of the diffId when absent. */
  readonly what?: string;
  readonly signal: AbortSignal;
  /** Nobody else uses the chunks: their memory is given back early. */
  readonly ownsChunks?: boolean;
}

/**
 * Takes in the tar of a layer, compressed or not, in one pass.
 * @throws DIGEST_MISMATCH, LIMIT_EXCEEDED, and what decompress and TarParser throw
 */
export async function unpackLayer(
  layers: Layers,
  packed: ByteStream,
  { diffId, what = `the layer ${diffId}`, signal, ownsChunks = false }: UnpackLayerOptions,
): Promise<LayerInfo> {
  const { stream } = await decompress(packed, {
    maxBytes: LAYER_BYTES_MAX,
    what,
    isTransient: true,
    ownsSource: ownsChunks,
    signal,
  });
  return await layers.ingest(stream, { ...(diffId !== undefined && { expectedDiffId: diffId }), signal });
}
