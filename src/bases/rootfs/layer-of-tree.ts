import { readSync } from 'node:fs';
import { compareLayerPaths, encodeTarHeader, TAR_END, tarPadding } from '../../archive/index.ts';
import { type ByteString, invariant } from '../../base/index.ts';
import { tarEntryOf } from './tar-file.ts';
import type { Content, Inode, Tree } from './tree.ts';

const CHUNK_BYTES: number = 1024 * 1024;

/**
 * The tree as the tar of one layer: entries in the canonical order, several names of one file as hard links to its
 * first name, modification times not newer than `epochNs`. Equal trees give equal bytes.
 */
export async function* layerOfTree(tree: Tree, epochNs: bigint): AsyncGenerator<Uint8Array> {
  const firstNames = new Map<Inode, ByteString>();
  const batch = new Batch();
  for (const [path, inode] of [...tree.entries()].toSorted(([a], [b]) => compareLayerPaths(a, b))) {
    const clamped = inode.mtimeNs > epochNs ? { ...inode, mtimeNs: epochNs } : inode;
    const first = inode.kind === 'directory' ? undefined : firstNames.get(inode);
    if (first !== undefined) {
      batch.add(encodeTarHeader({ ...tarEntryOf(path, clamped, 0), kind: 'hardlink', linkTarget: first }));
    } else {
      firstNames.set(inode, path);
      const sizeBytes = inode.content === undefined ? 0 : sizeOf(inode.content);
      batch.add(encodeTarHeader(tarEntryOf(path, clamped, sizeBytes)));
      if (inode.content !== undefined) {
        for (const chunk of readContent(inode.content)) {
          batch.add(chunk);
          if (batch.isFull()) yield batch.take();
        }
        batch.add(tarPadding(sizeBytes));
      }
    }
    if (batch.isFull()) yield batch.take();
  }
  batch.add(TAR_END);
  yield batch.take();
}

export function sizeOf(content: Content): number {
  return content.kind === 'memory' ? content.bytes.byteLength : content.sizeBytes;
}

/** The content as one buffer; for files that are known to be small. */
export function contentBytes(content: Content): Buffer {
  return Buffer.concat([...readContent(content)]);
}

function* readContent(content: Content): Generator<Uint8Array> {
  if (content.kind === 'memory') {
    yield content.bytes;
    return;
  }
  for (let done = 0; done < content.sizeBytes;) {
    const wanted = Math.min(CHUNK_BYTES, content.sizeBytes - done);
    const chunk = Buffer.allocUnsafe(wanted);
    const count = readSync(content.fd, chunk, 0, wanted, content.offset + done);
    invariant(count > 0, 'a content that was written can be read back');
    yield chunk.subarray(0, count);
    done += count;
  }
}

/** Gathers small pieces, so that a layer of thousands of small files does not come as thousands of chunks. */
class Batch {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
  }

  isFull(): boolean {
    return this.#bytes >= CHUNK_BYTES;
  }

  take(): Uint8Array {
    const [only, ...others] = this.#pieces;
    const whole = only !== undefined && others.length === 0 ? only : Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    return whole;
  }
}
