import { parseJson, ShaleError } from '../../base/index.ts';
import {
  aboutImage,
  findImage,
  getPlatformImage,
  readAttestations,
  readImageSet,
  readPredicates,
  storeSource,
} from '../../images/index.ts';
import { isIndexType, parsePlatform } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { isPlace, openSource, parsePlace } from '../places.ts';
import type { Watch } from '../watch.ts';
import type { FoundStatement, ImageRequest } from './types.ts';

/** What is said about an image where it lies. @throws IMAGE_NOT_FOUND, PLATFORM_UNKNOWN, and what opening a place throws */
export async function attestations(
  context: EngineContext,
  request: ImageRequest,
  watch: Watch,
): Promise<readonly FoundStatement[]> {
  const { image, folder } = request;
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  if (isPlace(image) && (await findImage(context.store, image)) === undefined) {
    await using source = await openSource(context, parsePlace(image, folder), watch, { platform });
    return await readAttestations(source, await aboutImage(source, platform));
  }
  const { store, layers } = context;
  const found = await (platform === undefined ? findImage(store, image) : getPlatformImage(store, image, platform));
  if (found === undefined)
    throw new ShaleError('IMAGE_NOT_FOUND', `there is no image ${image} in the store`, {
      data: { name: image },
      hint: `docker://${image} looks in its registry`,
    });
  const set = (await findImage(store, image))?.set;
  if (set === undefined) return [];
  if (isIndexType(set.mediaType)) {
    await using source = await storeSource(layers, { ...found, set }, image, { signal: watch.signal });
    return await readAttestations(source, await aboutImage(source, found.record.platform));
  }
  const { images } = await readImageSet(store, set.digest);
  const own = images.find(({ id }) => id === found.record.id);
  const predicates = await readPredicates(store, own?.attestations);
  return predicates.map(({ type, bytes }) => ({ predicateType: type, predicate: parseJson(bytes, 'the predicate') }));
}
