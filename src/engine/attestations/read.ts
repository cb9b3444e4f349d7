import { parseJson } from '../../base/index.ts';
import { aboutImage, readAttestations, readImageSet, readPredicates, storeSource } from '../../images/index.ts';
import { isIndexType } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { openSource } from '../places.ts';
import type { Watch } from '../watch.ts';
import { findImagePlace } from './image-place.ts';
import type { FoundStatement, ImageRequest } from './types.ts';

/** What is said about an image where it lies. @throws IMAGE_NOT_FOUND, PLATFORM_UNKNOWN, and what opening a place throws */
export async function attestations(
  context: EngineContext,
  request: ImageRequest,
  watch: Watch,
): Promise<readonly FoundStatement[]> {
  const where = await findImagePlace(context, request);
  if (where.kind === 'elsewhere') {
    const { place, platform } = where;
    await using source = await openSource(context, place, watch, { platform });
    return await readAttestations(source, await aboutImage(source, platform));
  }
  const { record, set } = where.image;
  if (set === undefined) return [];
  const { store, layers } = context;
  if (isIndexType(set.mediaType)) {
    await using source = await storeSource(layers, where.image, request.image, { signal: watch.signal });
    return await readAttestations(source, await aboutImage(source, record.platform));
  }
  const { images } = await readImageSet(store, set.digest);
  const own = images.find(({ id }) => id === record.id);
  const predicates = await readPredicates(store, own?.attestations);
  return predicates.map(({ type, bytes }) => ({ predicateType: type, predicate: parseJson(bytes, 'the predicate') }));
}
