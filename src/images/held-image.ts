import type { Digest } from '../oci/index.ts';
import type { ImageRecord, Store } from '../store/index.ts';

/**
 * An image that is kept from being collected from here on, with all that it consists of: its layers are used one after the
 * other, and somebody may remove it meanwhile. Undefined when it has gone already.
 */
export async function holdImage(store: Store, id: Digest): Promise<ImageRecord | undefined> {
  await store.leases.holdForReading([{ kind: 'image', digest: id }]);
  return await store.images.find(id);
}
