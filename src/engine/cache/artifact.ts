import { JsonReader, parseJson, ShaleError, type ByteStream } from '../../base/index.ts';
import { digestOf, formatManifest, MEDIA, type Descriptor, type DiffId, type ImageIndex } from '../../oci/index.ts';
import type { EncodedLayer, PackedDocument, PackedItem } from '../../images/index.ts';
import type { CacheMountOwner, CacheMountSpec } from '../../store/index.ts';

/** docs/formats/cache-mounts.md, "Exported". */
export const ARTIFACT_TYPE = 'application/vnd.shale.cache-mount.v1+json';
export const DIFF_ID = 'io.shale.diff-id';
const TITLE = 'org.opencontainers.image.title';
const REF_NAME = 'org.opencontainers.image.ref.name';

export const CONFIG_BYTES_MAX: number = 64 * 1024;
const NAME_CHARACTERS_MAX = 4096;
const ID_MAX = 2 ** 31 - 1;
const MODE_MAX = 0o7777;

/**
 * Where artifacts of cache mounts are read from: a folder, an archive, a registry. Everything that it gives was
 * verified against the descriptor, or fails at its end.
 */
export interface ArtifactSource {
  index(): Promise<ImageIndex | undefined>;
  read(descriptor: Descriptor, maxBytes: number): Promise<Buffer>;
  stream(descriptor: Descriptor): ByteStream;
}

/** What an artifact says of its cache mount. */
export interface MountConfig extends CacheMountSpec {
  readonly lastUsedAt: number;
  readonly sizeBytes: number;
}

/** A cache mount as an archive, a layout or a registry takes it. The same one gives the same bytes. */
export function packMount(mount: MountConfig, layer: EncodedLayer & { readonly diffId: DiffId }): PackedItem {
  const { name, base, owner, lastUsedAt, sizeBytes } = mount;
  const fields = { version: 1, name, ...(base !== undefined && { base }), ...owner, lastUsedAt, sizeBytes };
  const config = document(Buffer.from(JSON.stringify(fields)), ARTIFACT_TYPE);
  const annotated = { ...layer.descriptor, annotations: { [DIFF_ID]: layer.diffId } };
  const manifest = formatManifest({
    kind: 'manifest',
    manifest: {
      mediaType: MEDIA.ociManifest,
      artifactType: ARTIFACT_TYPE,
      config: config.descriptor,
      layers: [annotated],
    },
  });
  // The same mount has the same reference, so that a layout holds its latest state only.
  const identity = digestOf(Buffer.from(JSON.stringify([name, base ?? null, owner ?? null])));
  const described = document(manifest, MEDIA.ociManifest);
  const descriptor = {
    ...described.descriptor,
    artifactType: ARTIFACT_TYPE,
    annotations: { [REF_NAME]: `cache-mount-${identity.slice('sha256:'.length, 24)}`, [TITLE]: name },
  };
  return {
    images: [
      {
        config,
        layers: [{ ...layer, descriptor: annotated }],
        manifest: { ...described, descriptor },
        referrers: [],
        beside: [],
      },
    ],
    name: undefined,
  };
}

function document(bytes: Buffer, mediaType: string): PackedDocument {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** @throws CACHE_ARCHIVE_INVALID, JSON_INVALID */
export function parseMountConfig(bytes: Uint8Array): MountConfig {
  const fields = new JsonReader(parseJson(bytes, 'a cache mount'), 'a cache mount', 'CACHE_ARCHIVE_INVALID');
  if (fields.integer('version') !== 1) throw invalid('it is of another version', 'a newer shale may read it');
  const name = fields.required('name', fields.string('name'));
  const base = fields.string('base');
  if (name === '' || name.length > NAME_CHARACTERS_MAX || (base?.length ?? 0) > NAME_CHARACTERS_MAX)
    throw invalid('its name or its base is empty or too long');
  const count = (field: string, max = Number.MAX_SAFE_INTEGER): number | undefined => {
    const value = fields.integer(field);
    if (value !== undefined && (value < 0 || value > max)) throw invalid(`its ${field} is out of range`);
    return value;
  };
  return {
    name,
    base,
    owner: ownerOf(count('mode', MODE_MAX), count('uid', ID_MAX), count('gid', ID_MAX)),
    lastUsedAt: count('lastUsedAt') ?? 0,
    sizeBytes: count('sizeBytes') ?? 0,
  };
}

function ownerOf(mode?: number, uid?: number, gid?: number): CacheMountOwner | undefined {
  if (mode === undefined && uid === undefined && gid === undefined) return undefined;
  if (mode === undefined || uid === undefined || gid === undefined) throw invalid('it has not all of mode, uid, gid');
  return { mode, uid, gid };
}

export function invalid(why: string, hint?: string): ShaleError {
  const message = `the exported cache mount cannot be used: ${why}`;
  return new ShaleError('CACHE_ARCHIVE_INVALID', message, hint === undefined ? {} : { hint });
}
