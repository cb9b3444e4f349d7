import { ShaleError } from '../../base/index.ts';
import { findImage, getPlatformImage, type FoundImage } from '../../images/index.ts';
import { parsePlatform, type Platform } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { isPlace, parsePlace, type Place } from '../places.ts';
import type { ImageRequest } from './types.ts';

/** Where an image is looked at. */
export type ImagePlace =
  /** With the set that its name leads to, where it is one. */
  | { readonly kind: 'stored'; readonly image: FoundImage }
  | { readonly kind: 'elsewhere'; readonly place: Place; readonly platform: Platform | undefined };

/**
 * The image of the store that is meant, or the place. A name of the store wins: an image may be called `oci:1`.
 * @throws IMAGE_NOT_FOUND, PLATFORM_UNKNOWN, PLATFORM_INVALID, PLACE_INVALID
 */
export async function findImagePlace(
  { store }: EngineContext,
  { image, folder, platform: wanted }: ImageRequest,
): Promise<ImagePlace> {
  const platform = wanted === undefined ? undefined : parsePlatform(wanted);
  const found = await findImage(store, image);
  if (found === undefined && isPlace(image)) return { kind: 'elsewhere', place: parsePlace(image, folder), platform };
  if (found === undefined)
    throw new ShaleError('IMAGE_NOT_FOUND', `there is no image ${image} in the store`, {
      data: { name: image },
      hint: `docker://${image} looks in its registry`,
    });
  if (platform === undefined) return { kind: 'stored', image: found };
  const { record } = await getPlatformImage(store, image, platform);
  return { kind: 'stored', image: { ...found, record } };
}
