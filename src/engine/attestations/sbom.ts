import { cyclonedxDocument, spdxDocument, type SbomSubject } from '../../attest/index.ts';
import { ShaleError, toText, SHALE_VERSION } from '../../base/index.ts';
import {
  findImage,
  getPlatformImage,
  platformOf,
  readConfig,
  stackOfSource,
  type OpenedImage,
} from '../../images/index.ts';
import { formatPlatform, parsePlatform } from '../../oci/index.ts';
import { readInventory } from '../../packages/index.ts';
import type { EngineContext } from '../context.ts';
import { isPlace, openSource, parsePlace } from '../places.ts';
import { transferring } from '../transfer-progress.ts';
import type { Watch } from '../watch.ts';
import type { ImageRequest, SbomReport } from './types.ts';

/** `shale sbom`. @throws IMAGE_NOT_FOUND, PLATFORM_UNKNOWN, and what opening a place throws */
export async function sbom(context: EngineContext, request: ImageRequest, watch: Watch): Promise<SbomReport> {
  const { id, config, stack } = await openImage(context, request, watch);
  const inventory = readInventory(stack);
  const subject: SbomSubject = {
    id,
    platform: formatPlatform(platformOf(config)),
    created: config.created ?? '',
    layers: config.diffIds,
    inventory,
    toolVersion: SHALE_VERSION,
  };
  return {
    imageId: id,
    packages: inventory.packages.map(({ type, name, version, architecture, licences, purl, layer, foundIn }) => ({
      type,
      name,
      version,
      ...(architecture !== undefined && { architecture }),
      licences,
      purl,
      layer,
      foundIn: `/${toText(foundIn)}`,
    })),
    problems: inventory.problems,
    document: (format) => JSON.stringify(format === 'spdx' ? spdxDocument(subject) : cyclonedxDocument(subject)),
  };
}

/** A name of the store wins over a place: an image may be called `oci:1`. */
async function openImage(context: EngineContext, request: ImageRequest, watch: Watch): Promise<OpenedImage> {
  const { image, folder } = request;
  const { store, layers } = context;
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  if ((await findImage(store, image)) !== undefined || !isPlace(image)) {
    const found = await (platform === undefined ? findImage(store, image) : getPlatformImage(store, image, platform));
    if (found === undefined)
      throw new ShaleError('IMAGE_NOT_FOUND', `there is no image ${image} in the store`, {
        data: { name: image },
        hint: `shale sbom docker://${image} looks in its registry`,
      });
    const config = await readConfig(store, found.record.id);
    return { id: found.record.id, config, stack: await layers.stack(config.diffIds) };
  }
  const place = parsePlace(image, folder);
  return await transferring(context, watch, `read ${image}`, async (tell) => {
    await using source = await openSource(context, place, watch, { platform });
    return await stackOfSource(layers, source, { platform, signal: watch.signal, tell });
  });
}
