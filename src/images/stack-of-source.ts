import type { Layers, Stack } from '../layers/index.ts';
import { hostPlatform, parseManifest, type Digest, type ImageConfig, type Platform } from '../oci/index.ts';
import { chooseManifest, readImage } from './choose.ts';
import type { ImageSource, TellBlob } from './content.ts';
import { takeLayer } from './take-layer.ts';

/** An image whose files can be read. */
export interface OpenedImage {
  readonly id: Digest;
  readonly config: ImageConfig;
  readonly stack: Stack;
}

/**
 * Opens an image of a source to be looked into. Its layers come into the store, for whoever looks next, until they are
 * collected; no record and no name leads to them. Of an index the image of `platform` is taken, else that of this machine.
 * @throws PLATFORM_UNKNOWN, MANIFEST_INVALID, DIGEST_MISMATCH, and what the source throws
 */
export async function stackOfSource(
  layers: Layers,
  source: ImageSource,
  options: {
    readonly platform: Platform | undefined;
    readonly signal: AbortSignal;
    readonly tell?: TellBlob | undefined;
  },
): Promise<OpenedImage> {
  const { platform, signal, tell } = options;
  const top = await source.root();
  const isIndex = parseManifest(top.bytes, top.mediaType).kind === 'index';
  const { manifest, config } =
    isIndex || platform !== undefined
      ? await chooseManifest(source, top, platform ?? hostPlatform())
      : await readImage(source, top);
  // One after the other: whoever looks into an image has time, and may have little memory.
  for (const [at, diffId] of config.diffIds.entries()) {
    const layer = manifest.layers[at];
    if (layer !== undefined) await takeLayer(layers, source, { diffId, layer, signal, tell });
  }
  return { id: manifest.config.digest, config, stack: await layers.stack(config.diffIds) };
}
