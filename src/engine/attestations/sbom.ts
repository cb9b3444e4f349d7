import { cyclonedxDocument, spdxDocument, type SbomSubject } from '../../attest/index.ts';
import { SHALE_VERSION, toText } from '../../base/index.ts';
import { platformOf, readConfig, stackOfSource, type OpenedImage } from '../../images/index.ts';
import { formatPlatform } from '../../oci/index.ts';
import { readInventory } from '../../packages/index.ts';
import type { EngineContext } from '../context.ts';
import { openSource } from '../places.ts';
import { transferring } from '../transfer-progress.ts';
import type { Watch } from '../watch.ts';
import { findImagePlace } from './image-place.ts';
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

async function openImage(context: EngineContext, request: ImageRequest, watch: Watch): Promise<OpenedImage> {
  const { store, layers } = context;
  const where = await findImagePlace(context, request);
  if (where.kind === 'stored') {
    const { id } = where.image.record;
    const config = await readConfig(store, id);
    return { id, config, stack: await layers.stack(config.diffIds) };
  }
  const { place, platform } = where;
  return await transferring(context, watch, `read ${request.image}`, async (tell) => {
    await using source = await openSource(context, place, watch, { platform });
    return await stackOfSource(layers, source, { platform, signal: watch.signal, tell });
  });
}
