import { isShaleError } from '../base/index.ts';
import { isDigest, type Digest } from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import type { Sql } from './database.ts';
import { CACHE_MOUNT_KIND, livingLeases } from './leases.ts';
import { digest, integer, jsonList, text } from './row.ts';
import type { TimeMs } from './types.ts';

/** A larger manifest is not read, and so counts as unreadable. */
export const MANIFEST_BYTES_MAX: number = 8 << 20;
const MANIFEST_DEPTH_MAX = 8;

/** Where reaching begins, as one state of the database gives it. */
export interface Roots {
  readonly generation: number;
  /** Manifests and image indexes that must be here. */
  readonly manifests: ReadonlySet<Digest>;
  readonly blobs: ReadonlySet<Digest>;
  readonly layers: ReadonlySet<Digest>;
  /** Keys of derived files that are in use. */
  readonly derived: ReadonlySet<Digest>;
  readonly containers: ReadonlySet<string>;
}

export interface Reach {
  readonly blobs: ReadonlySet<Digest>;
  readonly layers: ReadonlySet<Digest>;
  readonly unreadable: readonly Digest[];
}

export type RootKind = 'images' | 'containers' | 'leases' | 'cache';
export const ALL_ROOTS: readonly RootKind[] = ['images', 'containers', 'leases', 'cache'];

export function gatherRoots(sql: Sql, now: TimeMs, kinds: readonly RootKind[] = ALL_ROOTS): Roots {
  const roots = {
    generation: generationOf(sql),
    manifests: new Set<Digest>(),
    blobs: new Set<Digest>(),
    layers: new Set<Digest>(),
    derived: new Set<Digest>(),
    containers: new Set<string>(),
  };
  if (kinds.includes('images')) gatherImages(sql, roots);
  if (kinds.includes('containers')) gatherContainers(sql, roots);
  if (kinds.includes('leases')) gatherLeases(sql, now, roots);
  if (kinds.includes('cache')) gatherCache(sql, roots);
  return roots;
}

type Gathered = { readonly [K in 'manifests' | 'blobs' | 'layers' | 'derived']: Set<Digest> } & {
  readonly containers: Set<string>;
};

export function generationOf(sql: Sql): number {
  return integer(sql.first("SELECT value FROM meta WHERE key = 'generation'") ?? {}, 'value');
}

function gatherImages(sql: Sql, roots: Gathered): void {
  for (const row of sql.all('SELECT id FROM images')) roots.blobs.add(digest(row, 'id'));
  for (const row of sql.all('SELECT diff_id FROM image_layers')) roots.layers.add(digest(row, 'diff_id'));
  for (const row of sql.all('SELECT digest FROM image_manifests')) roots.manifests.add(digest(row, 'digest'));
  for (const row of sql.all('SELECT digest FROM image_indexes')) roots.manifests.add(digest(row, 'digest'));
}

function gatherContainers(sql: Sql, roots: Gathered): void {
  for (const row of sql.all('SELECT id, image, diff_ids FROM containers')) {
    roots.containers.add(text(row, 'id'));
    const image = row['image'];
    if (isDigest(image)) roots.blobs.add(image);
    for (const layer of jsonList<Digest>(row, 'diff_ids')) roots.layers.add(layer);
  }
}

function gatherLeases(sql: Sql, now: TimeMs, roots: Gathered): void {
  const living = livingLeases(sql, now);
  if (living.size === 0) return;
  for (const row of sql.all('SELECT * FROM lease_resources')) {
    if (!living.has(text(row, 'lease'))) continue;
    const kind = text(row, 'kind');
    if (kind === 'container') roots.containers.add(text(row, 'value'));
    else if (kind === 'layer') roots.layers.add(digest(row, 'value'));
    else if (kind === 'derived') roots.derived.add(digest(row, 'value'));
    else if (kind === 'manifest') roots.manifests.add(digest(row, 'value'));
    // Cache mounts are held by the same rows, and reach nothing.
    else if (!kind.startsWith(CACHE_MOUNT_KIND)) roots.blobs.add(digest(row, 'value'));
  }
}

function gatherCache(sql: Sql, roots: Gathered): void {
  for (const row of sql.all('SELECT kind, digest FROM cache_reach')) {
    (text(row, 'kind') === 'layer' ? roots.layers : roots.blobs).add(digest(row, 'digest'));
  }
}

/** What a manifest names: more manifests, and blobs. */
type Named = { readonly manifests: readonly Digest[]; readonly blobs: readonly Digest[] } | 'unreadable' | 'absent';

const NOTHING: Named = { manifests: [], blobs: [] };

/** Follows roots to blobs. Remembers the manifests that it has read, since their bytes never change. */
export class Marker {
  readonly #blobs: BlobFiles;
  readonly #read = new Map<Digest, Named>();

  constructor(blobs: BlobFiles) {
    this.#blobs = blobs;
  }

  /** Reads the manifests that `resolve` will ask for. */
  async readManifests(roots: Roots): Promise<void> {
    let wave: readonly Digest[] = [...roots.manifests];
    for (let depth = 0; depth < MANIFEST_DEPTH_MAX && wave.length > 0; depth++) {
      const next = new Set<Digest>();
      for (const manifest of wave) {
        let named = this.#read.get(manifest);
        if (named === undefined) this.#read.set(manifest, (named = await this.#readManifest(manifest)));
        if (typeof named === 'object') for (const child of named.manifests) next.add(child);
      }
      wave = [...next];
    }
  }

  /** All that roots reach; undefined when a manifest has come up that was not read yet. */
  resolve(roots: Roots, sql: Sql): Reach | undefined {
    const blobs = new Set<Digest>(roots.blobs);
    const unreadable: Digest[] = [];
    const seen = new Set<Digest>();
    const walk = (manifest: Digest, required: boolean, depth: number): boolean => {
      blobs.add(manifest);
      if (depth >= MANIFEST_DEPTH_MAX) return true;
      const named = this.#read.get(manifest);
      if (named === undefined) return false;
      if (named === 'unreadable' || (named === 'absent' && required)) unreadable.push(manifest);
      if (typeof named === 'string' || seen.has(manifest)) return true;
      seen.add(manifest);
      for (const blob of named.blobs) blobs.add(blob);
      return named.manifests.every((child) => walk(child, false, depth + 1));
    };
    for (const manifest of roots.manifests) if (!walk(manifest, true, 0)) return undefined;
    addLayers(sql, roots.layers, blobs);
    return { blobs, layers: roots.layers, unreadable };
  }

  async #readManifest(manifest: Digest): Promise<Named> {
    try {
      return namedIn(await this.#blobs.read(manifest, MANIFEST_BYTES_MAX));
    } catch (error) {
      if (isShaleError(error, 'BLOB_NOT_FOUND')) return 'absent';
      if (isShaleError(error, 'BLOB_CORRUPT', 'BLOB_TOO_LARGE', 'STORE_IO', 'STORE_READ_ONLY')) return 'unreadable';
      throw error;
    }
  }
}

/** Each layer is its tar and its encodings. */
function addLayers(sql: Sql, layers: ReadonlySet<Digest>, blobs: Set<Digest>): void {
  for (const layer of layers) blobs.add(layer);
  for (const row of sql.all('SELECT diff_id, digest FROM encodings')) {
    if (layers.has(digest(row, 'diff_id'))) blobs.add(digest(row, 'digest'));
  }
}

function namedIn(bytes: Buffer): Named {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The bytes are what their digest says, and they name nothing.
    return NOTHING;
  }
  if (typeof document !== 'object' || document === null) return NOTHING;
  const fields: Readonly<Record<string, unknown>> = { ...document };
  return {
    manifests: digestsIn(fields['manifests']),
    blobs: [...digestsIn([fields['config']]), ...digestsIn(fields['layers']), ...digestsIn(fields['blobs'])],
  };
}

function digestsIn(list: unknown): readonly Digest[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null || !('digest' in item)) return [];
    return isDigest(item.digest) ? [item.digest] : [];
  });
}
