import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { TarParser, type ReadTarEntry } from '../../src/archive/index.ts';
import { IndexBuilder, openIndex, type BuiltIndex, type LayerIndex } from '../../src/erofs/index.ts';

/** A tar with its index and the data files that a mount needs, all on disk. */
export interface IndexedTar {
  readonly index: LayerIndex;
  readonly image: string;
  /** The tar and, where there is one, the expanded data. */
  readonly devices: readonly string[];
}

const CHUNK_BYTES = 1 << 20;

/** Indexes a tar file; the files are put beside it. */
export function indexTarFile(tar: string): IndexedTar {
  const fd = openSync(tar, 'r');
  try {
    const builder = new IndexBuilder();
    let hash: Hash | undefined;
    let waiting: ReadTarEntry | undefined;
    const parser = new TarParser(
      {
        entry(entry) {
          if (entry.kind !== 'file') return void builder.add(entry);
          waiting = entry;
          hash = createHash('sha256');
        },
        content: (chunk) => hash?.update(chunk),
        contentEnd() {
          if (waiting !== undefined) builder.add(waiting, waiting.sparse === undefined ? hash?.digest() : undefined);
        },
      },
      { whiteouts: true },
    );
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) parser.write(chunk.subarray(0, size));
    parser.end();
    return writeIndex(tar, builder.finish(fstatSync(fd).size));
  } finally {
    closeSync(fd);
  }
}

/** Writes an index and the data that it needs expanded beside its tar. */
export function writeIndex(tar: string, built: BuiltIndex): IndexedTar {
  const image = `${tar}.erofs`;
  writeFileSync(image, built.image);
  const index = openIndex(built.image, built.contents);
  if (built.expanded === undefined) return { index, image, devices: [tar] };
  const expanded = `${tar}.expanded`;
  expand(tar, expanded, built.expanded);
  return { index, image, devices: [tar, expanded] };
}

function expand(tar: string, target: string, { files, sizeBytes }: NonNullable<BuiltIndex['expanded']>): void {
  const from = openSync(tar, 'r');
  const to = openSync(target, 'w');
  try {
    for (const file of files) {
      let at = file.dataOffset;
      for (const { offset, lengthBytes } of file.extents) {
        const part = Buffer.alloc(lengthBytes);
        readSync(from, part, 0, lengthBytes, at);
        writeSync(to, part, 0, lengthBytes, file.targetOffset + offset);
        at += lengthBytes;
      }
    }
    writeSync(to, Buffer.alloc(1), 0, 1, sizeBytes - 1);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}
