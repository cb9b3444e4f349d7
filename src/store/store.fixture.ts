/** What the tests of this folder share. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisOwner } from '../base/index.ts';
import { asDiffId, digestFromHex, type DiffId, type Digest } from '../oci/index.ts';
import { openStore } from './open.ts';
import type { NewImage, Store, StoreOptions } from './types.ts';

export interface Scratch extends Disposable {
  readonly path: string;
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'shale-store-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface ScratchStore extends AsyncDisposable {
  readonly root: string;
  readonly store: Store;
  /** Another handle on the same store, as another command would have; closed with the fixture. */
  again(options?: Partial<StoreOptions>): Promise<Store>;
}

export async function scratchStore(options: Partial<StoreOptions> = {}): Promise<ScratchStore> {
  const folder = scratch();
  const root = join(folder.path, 'store');
  const opened: Store[] = [];
  const again = async (more: Partial<StoreOptions> = {}): Promise<Store> => {
    const store = await openStore({ root, ...options, ...more });
    opened.push(store);
    return store;
  };
  const store = await again();
  return {
    root,
    store,
    again,
    [Symbol.asyncDispose]: async () => {
      for (const one of opened) await one[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return digestFromHex(createHash('sha256').update(bytes).digest('hex'));
}

export function diffIdOf(bytes: Uint8Array | string): DiffId {
  return asDiffId(digestOf(bytes));
}

/** An owner as another boot of this machine would have had. */
export function ownerOfAnotherBoot(name = 'another-boot'): ReturnType<typeof thisOwner> {
  return { ...thisOwner(), bootId: name };
}

/** Stores config, manifest and layers of a small image, but no record of it. */
export async function storeImage(store: Store, name: string, layers: readonly string[]): Promise<NewImage> {
  const diffIds: DiffId[] = [];
  for (const layer of layers) diffIds.push(asDiffId(await store.blobs.put(Buffer.from(layer))));
  const config = Buffer.from(JSON.stringify({ name, rootfs: { type: 'layers', diff_ids: diffIds } }));
  const id = await store.blobs.put(config);
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: { digest: id }, layers: diffIds.map((digest) => ({ digest })) }),
  );
  const manifestDigest = await store.blobs.put(manifest);
  return {
    id,
    platform: { os: 'linux', architecture: 'amd64' },
    diffIds,
    madeHere: true,
    manifests: [
      {
        digest: manifestDigest,
        sizeBytes: manifest.length,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        repositories: [],
      },
    ],
  };
}

/** A whole tagged image. */
export async function publishImage(store: Store, name: string, layers: readonly string[]): Promise<NewImage> {
  const image = await storeImage(store, name, layers);
  await store.publish({
    images: [image],
    tags: [{ name, target: { kind: 'image', digest: image.id } }],
    reason: 'test',
  });
  return image;
}
