import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, ShaleError } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  CONFIG_MAX_BYTES,
  hexOf,
  isDigest,
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  parseImageConfig,
  parseManifest,
  platformMatches,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  type Platform,
} from '../oci/index.ts';
import { IMAGE_NAME, REF_NAME } from './archive.ts';
import { platformOf } from './image-file.ts';
import { verifyBytes } from './load.ts';
import { unpackLayer } from './unpack-layer.ts';

export interface LayoutOptions {
  /** A tag or digest; the layout's only image when absent. */
  readonly name?: string;
  readonly platform: Platform;
  readonly signal: AbortSignal;
}

const INDEX_DEPTH_MAX = 4;

/**
 * Takes an image in from a directory of the OCI layout (image-spec image-layout.md), as far as it is not in the store: its
 * config and its layers, all verified. No name leads to it afterwards.
 * @throws LAYOUT_INVALID, IMAGE_NOT_FOUND, PLATFORM_UNKNOWN, DIGEST_MISMATCH, SIZE_MISMATCH
 */
export async function readLayout(
  layers: Layers,
  folder: string,
  options: LayoutOptions,
): Promise<{ readonly config: ImageConfig; readonly digest: Digest }> {
  const top = topDescriptor(folder, options.name);
  const found = findManifest(folder, top, { platform: options.platform, depth: 0 });
  if (found === undefined)
    throw new ShaleError('PLATFORM_UNKNOWN', `the layout ${folder} has no image for the platform that is built`, {
      data: { folder },
    });
  const { manifest } = found;
  const configBytes = blob(folder, manifest.config, CONFIG_MAX_BYTES);
  const config = parseImageConfig(configBytes);
  if (manifest.layers.length !== config.diffIds.length)
    throw new ShaleError(
      'MANIFEST_INVALID',
      `the manifest has ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
    );
  await layers.store.blobs.put(configBytes);
  for (const [at, diffId] of config.diffIds.entries()) {
    const layer = manifest.layers[at];
    if (layer === undefined || (await layers.store.blobs.find(diffId)) !== undefined) continue;
    const { signal } = options;
    await unpackLayer(layers, createReadStream(blobPath(folder, layer.digest)), { diffId, signal });
  }
  return { config, digest: top.digest };
}

/** The descriptor in index.json that a name means. */
function topDescriptor(folder: string, name: string | undefined): Descriptor {
  const document = parseManifest(readFile(join(folder, 'index.json'), MANIFEST_MAX_BYTES));
  if (document.kind !== 'index') throw new ShaleError('LAYOUT_INVALID', `${folder}/index.json is not an image index`);
  const { manifests } = document.index;
  if (isDigest(name)) {
    const listed = manifests.find(({ digest }) => digest === name);
    // A digest names a blob of the layout, whether the index lists it or not.
    return listed ?? describe(folder, name);
  }
  const named = name === undefined ? manifests : manifests.filter((entry) => namesOf(entry).includes(name));
  const [first] = named.length === 0 && (name === undefined || name === 'latest') ? manifests : named;
  if (first !== undefined && (named.length <= 1 || name !== undefined)) return first;
  const names = manifests.flatMap(namesOf);
  throw new ShaleError(
    'IMAGE_NOT_FOUND',
    first === undefined
      ? `the layout ${folder} has no image ${name ?? ''}`.trimEnd()
      : `the layout ${folder} has ${manifests.length} images, and none is named`,
    { data: { folder }, ...(names.length > 0 && { hint: `it has ${names.join(', ')}` }) },
  );
}

/** The tag of the specification, and what containerd writes. */
function namesOf({ annotations = {} }: Descriptor): string[] {
  const name = annotations[REF_NAME];
  const whole = annotations[IMAGE_NAME];
  return [name, whole, whole?.replace(/^.*:/, '')].filter((one) => one !== undefined);
}

function describe(folder: string, digest: Digest): Descriptor {
  const bytes = readFile(blobPath(folder, digest), MANIFEST_MAX_BYTES);
  const document = parseManifest(bytes);
  const { mediaType } = document.kind === 'index' ? document.index : document.manifest;
  return { mediaType, digest, size: bytes.length };
}

/** Follows indexes to the image of a platform; the first one that matches counts (image-index.md). */
function findManifest(
  folder: string,
  descriptor: Descriptor,
  want: { readonly platform: Platform; readonly depth: number },
): { readonly manifest: ImageManifest } | undefined {
  if (want.depth > INDEX_DEPTH_MAX)
    throw new ShaleError('LAYOUT_INVALID', `indexes are nested deeper than ${INDEX_DEPTH_MAX} levels in ${folder}`);
  const document = parseManifest(blob(folder, descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
  if (document.kind === 'manifest') {
    const config = parseImageConfig(blob(folder, document.manifest.config, CONFIG_MAX_BYTES));
    return platformMatches(want.platform, platformOf(config)) ? { manifest: document.manifest } : undefined;
  }
  for (const entry of document.index.manifests) {
    if (!isIndexType(entry.mediaType) && !isManifestType(entry.mediaType)) continue;
    if (entry.platform !== undefined && !platformMatches(want.platform, entry.platform)) continue;
    const found = findManifest(folder, entry, { ...want, depth: want.depth + 1 });
    if (found !== undefined) return found;
  }
  return undefined;
}

function blob(folder: string, descriptor: Descriptor, maxBytes: number): Buffer {
  const bytes = readFile(blobPath(folder, descriptor.digest), maxBytes);
  verifyBytes(bytes, descriptor);
  return bytes;
}

function blobPath(folder: string, digest: Digest): string {
  return join(folder, 'blobs', 'sha256', hexOf(digest));
}

/** A small regular file; pipes and devices are refused without waiting for them. */
function readFile(path: string, maxBytes: number): Buffer {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw new ShaleError('LAYOUT_INVALID', `${path} is not there: the folder is no whole OCI layout`, { cause });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > maxBytes)
      throw new ShaleError('LAYOUT_INVALID', `${path} is no regular file of at most ${maxBytes} bytes`);
    const bytes = Buffer.alloc(stat.size);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
