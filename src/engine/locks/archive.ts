import { createHash } from 'node:crypto';
import type { LockFile } from '../../lock/index.ts';
import { digestOf, formatManifest, MEDIA, type Descriptor, type Digest } from '../../oci/index.ts';
import type { Document } from '../../images/index.ts';
import type { Store } from '../../store/index.ts';

/** docs/formats/lock-file.md, "The archive". */
export const LOCK_ARTIFACT_TYPE = 'application/vnd.shale.lock.v1';
const EMPTY_CONFIG = Buffer.from('{}');
const EMPTY_CONFIG_TYPE = 'application/vnd.oci.empty.v1+json';
const BODY_TYPE = 'application/octet-stream';
const NAME_HEX_DIGITS = 32;

/** Digests of all that a lock's steps and sources gave, with what people call it. */
export function namedBlobs({ sources, steps }: LockFile): Map<Digest, string> {
  const blobs = new Map<Digest, string>();
  const add = (digest: Digest, name: string): void => {
    if (!blobs.has(digest)) blobs.set(digest, name);
  };
  for (const source of sources) {
    if ('url' in source) add(source.digest, source.url);
    else add(source.layer, `${source.repository}#${source.ref}`);
  }
  for (const { package: name, version, url, digest } of steps.flatMap(({ fetched }) => fetched))
    if (digest !== undefined) add(digest, name === undefined ? url : `${name} ${version ?? ''}`);
  return new Map(Array.from(blobs).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The manifest that holds them; all of them are in the store. @throws BLOB_NOT_FOUND */
export async function archiveOf(store: Store, lock: LockFile): Promise<Document> {
  const layers: Descriptor[] = [];
  for (const digest of namedBlobs(lock).keys())
    layers.push({ mediaType: BODY_TYPE, digest, size: (await store.blobs.get(digest)).sizeBytes });
  await store.blobs.put(EMPTY_CONFIG);
  const bytes = formatManifest({
    kind: 'manifest',
    manifest: {
      mediaType: MEDIA.ociManifest,
      artifactType: LOCK_ARTIFACT_TYPE,
      config: { mediaType: EMPTY_CONFIG_TYPE, digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length },
      layers,
    },
  });
  return { bytes, digest: digestOf(bytes), mediaType: MEDIA.ociManifest };
}

/**
 * Keeps all that a lock names in the store, durably, under a name made of the lock file's path. What was kept under it before
 * goes, unless something else holds it.
 */
export async function keepArchive(store: Store, lock: LockFile, path: string): Promise<void> {
  const archive = await archiveOf(store, lock);
  const { digest, mediaType } = archive;
  await store.blobs.put(archive.bytes);
  const name = `lock.local/${createHash('sha256').update(path).digest('hex').slice(0, NAME_HEX_DIGITS)}:latest`;
  const before = (await store.tags.find(name))?.target;
  await store.publish({
    indexes: [{ digest, mediaType, sizeBytes: archive.bytes.byteLength, entries: [], repositories: [] }],
    tags: [{ name, target: { kind: 'index', digest } }],
    blobs: [...namedBlobs(lock).keys(), digestOf(EMPTY_CONFIG)],
    reason: 'lock',
  });
  if (before === undefined || before.digest === digest) return;
  if ((await store.tags.of(before.digest)).length === 0) await store.indexes.remove(before.digest);
}
