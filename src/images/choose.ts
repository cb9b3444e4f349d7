import { collect, ShaleError } from '../base/index.ts';
import {
  CONFIG_MAX_BYTES,
  formatPlatform,
  layerCompression,
  parseImageConfig,
  parseManifest,
  platformMatches,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  type Platform,
} from '../oci/index.ts';
import type { Document, ImageSource } from './content.ts';
import { platformOf } from './image-file.ts';

/** One image of one platform, as its source has it. */
export interface FoundManifest {
  readonly document: Document;
  readonly manifest: ImageManifest;
  readonly configBytes: Buffer;
  readonly config: ImageConfig;
}

/** Follows an index to the manifest of one platform; the first entry that matches counts (image-index.md). @throws PLATFORM_UNKNOWN */
export async function chooseManifest(source: ImageSource, top: Document, platform: Platform): Promise<FoundManifest> {
  const document = parseManifest(top.bytes, top.mediaType);
  if (document.kind === 'index') {
    const entry = chooseEntry(document.index, platform);
    return readImage(source, await source.manifest(entry), entry.mediaType);
  }
  if (!isImage(document.manifest)) throw new ShaleError('MANIFEST_INVALID', 'this is an artifact, not an image');
  const found = await readImage(source, top);
  const own = platformOf(found.config);
  if (platformMatches(platform, own)) return found;
  throw new ShaleError('PLATFORM_UNKNOWN', `the image has no ${formatPlatform(platform)}`, {
    hint: `it is for ${formatPlatform(own)}`,
  });
}

/** The entry of an index for a platform; of one without platforms the first. @throws PLATFORM_UNKNOWN */
export function chooseEntry(index: ImageIndex, platform: Platform): Descriptor {
  const offered = imageEntries(index);
  const entry =
    offered.find((one) => one.platform !== undefined && platformMatches(platform, one.platform)) ??
    (offered.length === 0 ? index.manifests[0] : undefined);
  if (entry !== undefined) return entry;
  const list = offered.map((one) => (one.platform === undefined ? '' : formatPlatform(one.platform))).join(', ');
  throw new ShaleError('PLATFORM_UNKNOWN', `the image has no ${formatPlatform(platform)}`, { hint: `it has ${list}` });
}

/** The entries that are images; attestations beside them are for no platform that there is. */
export function imageEntries(index: ImageIndex): readonly Descriptor[] {
  return index.manifests.filter((entry) => entry.platform !== undefined && entry.platform.os !== 'unknown');
}

/** Whether something can run, or is only kept. */
export function isImage(manifest: ImageManifest): boolean {
  return manifest.layers.every((layer) => layerCompression(layer.mediaType) !== undefined);
}

/** Reads manifest and config of an image. @throws MANIFEST_INVALID, CONFIG_INVALID */
export async function readImage(source: ImageSource, document: Document, declared?: string): Promise<FoundManifest> {
  const parsed = parseManifest(document.bytes, declared ?? document.mediaType);
  if (parsed.kind === 'index')
    throw new ShaleError('MANIFEST_INVALID', 'an index within an index is not an image of one platform');
  const { manifest } = parsed;
  const configBytes = await collect(source.blob(manifest.config), CONFIG_MAX_BYTES, 'the image config');
  const config = parseImageConfig(configBytes);
  if (manifest.layers.length !== config.diffIds.length)
    throw new ShaleError(
      'MANIFEST_INVALID',
      `the manifest has ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
    );
  return { document, manifest, configBytes, config };
}
