import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { isSystemError, ShaleError } from '../base/index.ts';
import type { ExpandedFile, ImageSink, WrittenIndex } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';
import { fileError, type Store } from '../store/index.ts';
import { CONTENTS_KIND, EXPANDED_KIND, INDEX_KIND } from './derived-kinds.ts';

/** Bytes moved at once while sparse files are expanded. */
const COPY_BYTES = 1024 * 1024;

/**
 * Writes what is derived from a layer: its index, its contents file, and the expanded data of its sparse files.
 * @throws NO_SPACE, STORE_IO
 */
export async function saveIndex(
  store: Store,
  diffId: DiffId,
  write: (image: ImageSink) => WrittenIndex,
): Promise<void> {
  await using draft = await store.derived.create(INDEX_KIND, diffId);
  const fd = openSync(draft.path, 'wx', 0o400);
  let written: WrittenIndex;
  try {
    written = write({
      write: (bytes) => writeAll(fd, bytes, null),
      patch: (offset, bytes) => writeAll(fd, bytes, offset),
    });
  } catch (error) {
    throw isSystemError(error) ? fileError('cannot write', draft.path, error) : error;
  } finally {
    closeSync(fd);
  }
  if (written.expanded !== undefined) await saveExpanded(store, diffId, written.expanded);
  await store.derived.write(CONTENTS_KIND, diffId, written.contents);
  // The index comes last: where it is, the others are.
  await draft.commit();
}

/** At a position, or behind what was written before. */
function writeAll(fd: number, bytes: Uint8Array, position: number | null): void {
  for (let done = 0; done < bytes.byteLength;)
    done += writeSync(fd, bytes, done, bytes.byteLength - done, position === null ? null : position + done);
}

async function saveExpanded(
  store: Store,
  diffId: DiffId,
  expanded: NonNullable<WrittenIndex['expanded']>,
): Promise<void> {
  await using draft = await store.derived.create(EXPANDED_KIND, diffId);
  const tar = openSync(store.blobs.path(diffId), 'r');
  const target = openSync(draft.path, 'wx', 0o400);
  try {
    ftruncateSync(target, expanded.sizeBytes);
    for (const file of expanded.files) expandFile(tar, target, file);
  } finally {
    closeSync(tar);
    closeSync(target);
  }
  await draft.commit();
}

function expandFile(tar: number, target: number, file: ExpandedFile): void {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  let from = file.dataOffset;
  for (const extent of file.extents) {
    for (let done = 0; done < extent.lengthBytes;) {
      const wanted = Math.min(buffer.length, extent.lengthBytes - done);
      const got = readSync(tar, buffer, 0, wanted, from);
      if (got === 0) throw new ShaleError('TAR_TRUNCATED', 'the tar of a layer ends within a sparse file');
      writeSync(target, buffer, 0, got, file.targetOffset + extent.offset + done);
      done += got;
      from += got;
    }
  }
}
