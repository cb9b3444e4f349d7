import type { ByteStream } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import { formatReference, parseReference, type ContainerConfig, type Digest, type Platform } from '../oci/index.ts';
import { putImage } from './image-file.ts';
import { unpackLayer } from './unpack-layer.ts';

export interface ImportOptions {
  readonly platform: Platform;
  readonly config: ContainerConfig;
  /** RFC 3339. */
  readonly created: string;
  readonly message: string;
  /** Names that the image gets. */
  readonly names: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Makes an image of one layer from the tar of a root filesystem, compressed or not. The tar becomes the layer byte for byte.
 * @throws what reading the tar throws, REFERENCE_INVALID
 */
export async function importRootfs(layers: Layers, tar: ByteStream, options: ImportOptions): Promise<Digest> {
  const { store } = layers;
  const names = options.names.map((name) => formatReference(parseReference(name)));
  const { diffId } = await unpackLayer(layers, tar, { what: 'the root filesystem', signal: options.signal });
  const { created, message } = options;
  const image = await putImage(
    store,
    {
      ...options.platform,
      created,
      config: options.config,
      diffIds: [diffId],
      history: [{ created, comment: message }],
    },
    { madeHere: true },
  );
  await store.publish({
    images: [image],
    tags: names.map((name) => ({ name, target: { kind: 'image', digest: image.id } })),
    reason: 'import',
  });
  return image.id;
}
