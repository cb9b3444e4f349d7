import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** Something of an OCI layout that the specification does not allow, as text; empty when there is none. */
export type Complaint = string;

type Document = Readonly<Record<string, unknown>>;

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}$/;
const LAYERS = /^application\/vnd\.oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?$/;

/**
 * Checks a folder against what the image specification requires of a layout, its index, manifests, configs and layers
 * (image-layout.md, image-index.md, manifest.md, config.md and the schema folder). A second reading of the texts, that
 * shares nothing with the code that writes layouts.
 */
export function checkLayout(folder: string): Complaint[] {
  const complaints: Complaint[] = [];
  const complain = (text: string): void => void complaints.push(text);
  const layout = readJson(join(folder, 'oci-layout'));
  if (layout['imageLayoutVersion'] !== '1.0.0') complain('oci-layout: imageLayoutVersion');
  for (const name of readdirSync(join(folder, 'blobs/sha256')))
    if (sha256(readFileSync(join(folder, 'blobs/sha256', name))) !== name) complain(`blob ${name} has other content`);
  checkIndex({ folder, complain }, readJson(join(folder, 'index.json')), 'index.json');
  return complaints;
}

interface Place {
  readonly folder: string;
  readonly complain: (text: string) => void;
}

function checkIndex(place: Place, index: Document, at: string): void {
  if (index['schemaVersion'] !== 2) place.complain(`${at}: schemaVersion`);
  const type = index['mediaType'];
  if (type !== undefined && type !== 'application/vnd.oci.image.index.v1+json') place.complain(`${at}: mediaType`);
  if ('config' in index || 'layers' in index) place.complain(`${at}: is ambiguous`);
  const manifests = index['manifests'];
  if (!Array.isArray(manifests)) return place.complain(`${at}: manifests`);
  for (const [i, descriptor] of manifests.entries()) {
    const where = `${at}.manifests[${i}]`;
    const document = checkDescriptor(place, descriptor, where);
    if (document === undefined) continue;
    const platform = (descriptor as Document)['platform'] as Document | undefined;
    if (platform !== undefined && (!isText(platform['os']) || !isText(platform['architecture'])))
      place.complain(`${where}: platform`);
    const json = JSON.parse(document.toString()) as Document;
    if ((descriptor as Document)['mediaType'] === 'application/vnd.oci.image.index.v1+json')
      checkIndex(place, json, where);
    else checkManifest(place, json, where);
  }
}

function checkManifest(place: Place, manifest: Document, at: string): void {
  const { complain } = place;
  if (manifest['schemaVersion'] !== 2) complain(`${at}: schemaVersion`);
  if (manifest['mediaType'] !== 'application/vnd.oci.image.manifest.v1+json') complain(`${at}: mediaType`);
  if ('manifests' in manifest) complain(`${at}: is ambiguous`);
  const configBytes = checkDescriptor(place, manifest['config'], `${at}.config`);
  const layers = manifest['layers'];
  if (!Array.isArray(layers) || layers.length === 0) return complain(`${at}: layers`);
  const diffIds = layers.map((layer: Document, i) => {
    const bytes = checkDescriptor(place, layer, `${at}.layers[${i}]`);
    const type = String(layer['mediaType']);
    if (!LAYERS.test(type)) complain(`${at}.layers[${i}]: mediaType ${type}`);
    return bytes && `sha256:${sha256(unpacked(type, bytes))}`;
  });
  if (configBytes !== undefined)
    checkConfig(place, JSON.parse(configBytes.toString()) as Document, { at: `${at}.config`, diffIds });
}

function checkConfig(
  { complain }: Place,
  config: Document,
  { at, diffIds }: { readonly at: string; readonly diffIds: readonly (string | undefined)[] },
): void {
  if (!isText(config['architecture']) || !isText(config['os'])) complain(`${at}: platform`);
  const rootfs = config['rootfs'] as Document | undefined;
  if (rootfs?.['type'] !== 'layers') complain(`${at}: rootfs.type`);
  if (JSON.stringify(rootfs?.['diff_ids']) !== JSON.stringify(diffIds)) complain(`${at}: rootfs.diff_ids`);
  const created = config['created'];
  if (created !== undefined && !isTime(created)) complain(`${at}: created`);
  const history = config['history'] as readonly Document[] | undefined;
  const withLayer = history?.filter((entry) => entry['empty_layer'] !== true).length;
  if (history !== undefined && withLayer !== diffIds.length) complain(`${at}: history has ${withLayer} layers`);
  for (const entry of history ?? []) if ('created' in entry && !isTime(entry['created'])) complain(`${at}: history`);
  const inner = config['config'] as Document | undefined;
  for (const name of ['Env', 'Cmd', 'Entrypoint']) {
    const list = inner?.[name];
    if (list !== undefined && list !== null && !(Array.isArray(list) && list.every((one) => typeof one === 'string')))
      complain(`${at}: ${name}`);
  }
}

function checkDescriptor({ folder, complain }: Place, value: unknown, at: string): Buffer | undefined {
  const descriptor = (typeof value === 'object' && value !== null ? value : {}) as Document;
  const { digest, size, mediaType } = descriptor as { digest: unknown; size: unknown; mediaType: unknown };
  if (typeof mediaType !== 'string' || !MEDIA_TYPE.test(mediaType)) complain(`${at}: mediaType`);
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    complain(`${at}: digest`);
    return undefined;
  }
  if (!Number.isSafeInteger(size) || Number(size) < 0) complain(`${at}: size`);
  const path = join(folder, 'blobs/sha256', digest.slice('sha256:'.length));
  if (!existsSync(path)) {
    complain(`${at}: ${digest} is missing`);
    return undefined;
  }
  const bytes = readFileSync(path);
  if (bytes.length !== size) complain(`${at}: size is ${bytes.length}`);
  return bytes;
}

function unpacked(mediaType: string, bytes: Buffer): Buffer {
  if (mediaType.endsWith('+gzip')) return gunzipSync(bytes);
  return mediaType.endsWith('+zstd') ? zstdDecompressSync(bytes) : bytes;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** RFC 3339. */
function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readJson(path: string): Document {
  return JSON.parse(readFileSync(path, 'utf8')) as Document; // Whatever it is, it is looked at field by field.
}

/** Adds a blob to a layout and gives its descriptor. */
export function putBlob(folder: string, bytes: Uint8Array, mediaType: string): Record<string, unknown> {
  const hex = sha256(bytes);
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(folder, 'blobs/sha256', hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
