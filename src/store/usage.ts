import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { blobSizes, recordReach } from './cache-value.ts';
import { livingHolds } from './cache-mounts.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { namesIn } from './dead-files.ts';
import { diskUsage } from './files.ts';
import { digest, flag, integer, jsonList, text } from './row.ts';
import type { Usage, UsageLine } from './types.ts';

type ImageUsage = Usage['perImage'][number];

/** Everything from one state of the database, but for the sizes of containers and volumes, which are walked. */
export async function usage(context: StoreContext): Promise<Usage> {
  const { db, layout } = context;
  const facts = await db.read((sql) => ({
    images: imageUsage(sql),
    buildCache: cacheUsage(sql),
    heldMounts: new Set(livingHolds(sql, context.clock()).keys()),
    derivedBytes: integer(sql.first('SELECT coalesce(sum(size), 0) AS bytes FROM derived') ?? {}, 'bytes'),
    containers: sql.all('SELECT id, active, volumes FROM containers').map((row) => ({
      id: text(row, 'id'),
      active: flag(row, 'active'),
      volumes: jsonList<string>(row, 'volumes'),
    })),
  }));
  const ids = facts.containers.map(({ id }) => id);
  const active = new Set(facts.containers.filter((container) => container.active).map(({ id }) => id));
  const users = Map.groupBy(
    facts.containers.flatMap(({ volumes }) => volumes),
    (name) => name,
  );
  const volumes = await sizesIn(layout.folder('volumes'), namesIn(layout.folder('volumes')));
  const mountFolder = layout.folder('cache-mounts');
  const mounts = lineOf(await sizesIn(mountFolder, namesIn(mountFolder)), facts.heldMounts);
  return {
    images: facts.images.line,
    perImage: facts.images.perImage,
    containers: lineOf(await sizesIn(layout.folder('containers'), ids), active),
    volumes: lineOf(volumes, users),
    perVolume: volumes.map((volume) => ({ ...volume, containers: users.get(volume.name)?.length ?? 0 })),
    buildCache: sum(facts.buildCache, mounts),
    cacheMounts: mounts,
    derivedBytes: facts.derivedBytes,
  };
}

function sum(a: UsageLine, b: UsageLine): UsageLine {
  return {
    count: a.count + b.count,
    active: a.active + b.active,
    sizeBytes: a.sizeBytes + b.sizeBytes,
    reclaimableBytes: a.reclaimableBytes + b.reclaimableBytes,
  };
}

interface FolderSize {
  readonly name: string;
  readonly sizeBytes: number;
}

async function sizesIn(folder: string, names: readonly string[]): Promise<FolderSize[]> {
  const sizes: FolderSize[] = [];
  for (const name of names) sizes.push({ name, sizeBytes: await diskUsage(join(folder, name)) });
  return sizes;
}

/** What is active cannot be had back. */
function lineOf(sizes: readonly FolderSize[], active: { has(name: string): boolean }): UsageLine {
  const bytes = (of: readonly FolderSize[]): number => of.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const idle = sizes.filter(({ name }) => !active.has(name));
  return {
    count: sizes.length,
    active: sizes.length - idle.length,
    sizeBytes: bytes(sizes),
    reclaimableBytes: bytes(idle),
  };
}

function imageUsage(sql: Sql): { readonly line: UsageLine; readonly perImage: readonly ImageUsage[] } {
  const sizes = blobSizes(sql);
  const containersOf = countContainers(sql);
  const blobsOf = imageBlobs(sql);
  const users = new Map<Digest, number>();
  for (const blobs of blobsOf.values()) for (const blob of blobs) users.set(blob, (users.get(blob) ?? 0) + 1);
  const bytes = (blobs: Iterable<Digest>): number => [...blobs].reduce((sum, blob) => sum + (sizes.get(blob) ?? 0), 0);

  const perImage = [...blobsOf].map(([id, blobs]) => {
    const sizeBytes = bytes(blobs);
    const uniqueBytes = bytes([...blobs].filter((blob) => users.get(blob) === 1));
    return { id, sizeBytes, uniqueBytes, sharedBytes: sizeBytes - uniqueBytes, containers: containersOf.get(id) ?? 0 };
  });
  const active = perImage.filter(({ containers }) => containers > 0);
  const needed = new Set(active.flatMap(({ id }) => [...(blobsOf.get(id) ?? [])]));
  const line = {
    count: perImage.length,
    active: active.length,
    sizeBytes: bytes(users.keys()),
    reclaimableBytes: bytes([...users.keys()].filter((blob) => !needed.has(blob))),
  };
  return { line, perImage };
}

function countContainers(sql: Sql): ReadonlyMap<Digest, number> {
  const counts = new Map<Digest, number>();
  for (const row of sql.all('SELECT image, count(*) AS n FROM containers WHERE image IS NOT NULL GROUP BY image')) {
    counts.set(digest(row, 'image'), integer(row, 'n'));
  }
  return counts;
}

/** Image → config, manifests, tars and encodings. */
export function imageBlobs(sql: Sql): ReadonlyMap<Digest, ReadonlySet<Digest>> {
  const blobs = new Map<Digest, Set<Digest>>();
  for (const row of sql.all('SELECT id FROM images ORDER BY id'))
    blobs.set(digest(row, 'id'), new Set([digest(row, 'id')]));
  const rows = sql.all(
    `SELECT image, digest FROM image_manifests UNION SELECT image, diff_id FROM image_layers
     UNION SELECT l.image, e.digest FROM image_layers l JOIN encodings e ON e.diff_id = l.diff_id`,
  );
  for (const row of rows) blobs.get(digest(row, 'image'))?.add(digest(row, 'digest'));
  return blobs;
}

/** What only the cache reaches is the cache's; all of it can be had back. */
function cacheUsage(sql: Sql): UsageLine {
  const sizes = blobSizes(sql);
  const kept = new Set<Digest>();
  for (const blobs of imageBlobs(sql).values()) for (const blob of blobs) kept.add(blob);
  for (const row of sql.all('SELECT diff_ids FROM containers')) {
    for (const layer of jsonList<Digest>(row, 'diff_ids')) kept.add(layer);
  }
  const own = new Set<Digest>();
  for (const blobs of recordReach(sql).values()) for (const blob of blobs) if (!kept.has(blob)) own.add(blob);
  const sizeBytes = [...own].reduce((sum, blob) => sum + (sizes.get(blob) ?? 0), 0);
  const count = integer(sql.first('SELECT count(*) AS n FROM cache_records') ?? {}, 'n');
  return { count, active: 0, sizeBytes, reclaimableBytes: sizeBytes };
}
