import { readdir, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../base/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { ContainerSize } from './types.ts';

const SLASH = Buffer.from('/');

/** What a container takes: the files in its upper directory (names linked more than once count once), and its image. */
export async function sizeOf(context: EngineContext, record: ContainerRecord): Promise<ContainerSize> {
  const writableBytes = await bytesIn(
    Buffer.from(join(context.store.containers.folder(record.id), 'upper')),
    new Set(),
  );
  const image = record.imageId === undefined ? undefined : await context.store.images.find(record.imageId);
  return { writableBytes, totalBytes: writableBytes + (image?.sizeBytes ?? 0) };
}

/** Names are bytes: paths stay buffers. */
async function bytesIn(folder: Buffer, seen: Set<string>): Promise<number> {
  let sum = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([folder, SLASH, entry.name]);
      if (entry.isDirectory()) {
        sum += await bytesIn(path, seen);
        continue;
      }
      if (!entry.isFile()) continue;
      const stat = await lstat(path);
      const key = `${stat.dev}:${stat.ino}`;
      if (stat.nlink > 1 && seen.has(key)) continue;
      seen.add(key);
      sum += stat.size;
    }
  } catch (error) {
    // Never started, or it removes files as we look.
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  return sum;
}
