import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import type { BuiltIndex, ExpandedFile } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';
import type { Store } from '../store/index.ts';
import { CONTENTS_KIND, EXPANDED_KIND, INDEX_KIND } from './derived-kinds.ts';

/** Bytes moved at once while sparse files are expanded. */
const COPY_BYTES = 1024 * 1024;

/** Writes what is derived from a layer: its index, its contents file, and the expanded data of its sparse files. */
export async function saveIndex(store: Store, diffId: DiffId, built: BuiltIndex): Promise<void> {
  if (built.expanded !== undefined) await saveExpanded(store, diffId, built.expanded);
  await store.derived.write(CONTENTS_KIND, diffId, built.contents);
  await store.derived.write(INDEX_KIND, diffId, built.image);
}

async function saveExpanded(
  store: Store,
  diffId: DiffId,
  expanded: NonNullable<BuiltIndex['expanded']>,
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
