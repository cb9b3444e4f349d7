import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ReadTarEntry } from '../archive/index.ts';
import { isShaleError, Pace, ShaleError, type ByteStream } from '../base/index.ts';
import { openIndex, type IndexNode, type LayerIndex } from '../erofs/index.ts';
import { digestFromHex, type DiffId } from '../oci/index.ts';
import type { Store } from '../store/index.ts';
import { CONTENTS_KIND, INDEX_KIND, KEPT_KIND } from './derived-kinds.ts';
import { TarIndexer } from './tar-indexer.ts';
import type { ContentLocation } from './types.ts';

/** docs/formats/layer-index.md, "Kept files". */
const MAGIC = 'SHLKEPT1';
const HEADER_BYTES = 16;
const ROW_BYTES = 24;
const FILE_BYTES_MAX: number = 32 * 1024 * 1024;
const ALL_BYTES_MAX: number = 64 * 1024 * 1024;
const KEPT =
  /^(?:(?:etc|usr\/lib)\/os-release|var\/lib\/dpkg\/(?:status|status\.d\/[^/]+|info\/[^/]+\.list)|(?:usr\/)?lib\/apk\/db\/installed|(?:.*\/)?(?:package|package-lock|\.package-lock)\.json|.*\.dist-info\/(?:METADATA|RECORD)|.*\.egg-info(?:\/(?:PKG-INFO|installed-files\.txt))?)$/s;

/** A layer that lies elsewhere: its index, and what package managers wrote into it. */
export interface LayerElsewhere {
  readonly index: LayerIndex;
  readonly tarBytes: number;
  /** Where the kept bytes of a file are; undefined for files that were not kept. */
  locateKept(node: Pick<IndexNode, 'data' | 'sizeBytes'>): ContentLocation | undefined;
}

/**
 * Looks into a layer that is not in the store: what an earlier look left is read, else its tar is gone through once, verified
 * against the diffId, and index, contents file and kept files are left in the store for the next look. Of a store that may
 * not be written nothing is left.
 * @throws DIGEST_MISMATCH, and what the tar, TarParser and IndexBuilder throw
 */
export async function lookElsewhere(
  store: Store,
  diffId: DiffId,
  tar: () => ByteStream,
  signal: AbortSignal,
): Promise<LayerElsewhere> {
  const known = await findLooked(store, diffId);
  if (known !== undefined) return known;
  const made = await goThrough(diffId, tar(), signal);
  const keptPath = store.readOnly ? undefined : await store.derived.write(KEPT_KIND, diffId, made.kept);
  if (!store.readOnly) {
    await store.derived.write(CONTENTS_KIND, diffId, made.contents);
    await store.derived.write(INDEX_KIND, diffId, made.image);
  }
  return opened(openIndex(made.image, made.contents), keptPath, made.kept);
}

/** What an earlier look left; undefined where there is nothing, or nothing whole. */
async function findLooked(store: Store, diffId: DiffId): Promise<LayerElsewhere | undefined> {
  const kinds = [INDEX_KIND, CONTENTS_KIND, KEPT_KIND];
  const [index, contents, kept] = await Promise.all(kinds.map((kind) => store.derived.find(kind, diffId)));
  if (index === undefined || contents === undefined || kept === undefined) return undefined;
  try {
    return opened(openIndex(readFileSync(index), readFileSync(contents)), kept, readRows(kept));
  } catch (error) {
    if (!isShaleError(error, 'INDEX_CORRUPT')) throw error;
    if (!store.readOnly) for (const kind of kinds) await store.derived.evict(kind, diffId);
    return undefined;
  }
}

interface Made {
  readonly image: Buffer;
  readonly contents: Buffer;
  readonly kept: Buffer;
}

async function goThrough(diffId: DiffId, tar: ByteStream, signal: AbortSignal): Promise<Made> {
  const files = new KeptFiles();
  const indexer = new TarIndexer({ listen: (entry) => files.listen(entry) });
  const hash = createHash('sha256');
  const pace = new Pace();
  for await (const chunk of tar) {
    signal.throwIfAborted();
    hash.update(chunk);
    indexer.write(chunk);
    if (pace.isOver()) await pace.rest();
  }
  indexer.end();
  const got = digestFromHex(hash.digest('hex'));
  if (got !== diffId)
    throw new ShaleError('DIGEST_MISMATCH', `a layer has the digest ${got}, expected ${diffId}`, {
      data: { expected: diffId, got },
    });
  const { image, contents } = indexer.writeIndexToMemory();
  return { image, contents, kept: files.encode() };
}

class KeptFiles {
  readonly #files: { readonly tarOffset: number; readonly sizeBytes: number; readonly chunks: Buffer[] }[] = [];
  #bytes = 0;

  listen({ path, sizeBytes, dataOffset, sparse }: ReadTarEntry): ((chunk: Uint8Array) => void) | undefined {
    if (sizeBytes === 0 || sizeBytes > FILE_BYTES_MAX || sparse !== undefined || !KEPT.test(path)) return undefined;
    if (this.#bytes + sizeBytes > ALL_BYTES_MAX) return undefined;
    this.#bytes += sizeBytes;
    const chunks: Buffer[] = [];
    this.#files.push({ tarOffset: dataOffset, sizeBytes, chunks });
    return (chunk) => void chunks.push(Buffer.from(chunk));
  }

  encode(): Buffer {
    const head = Buffer.alloc(HEADER_BYTES + this.#files.length * ROW_BYTES);
    head.write(MAGIC, 0, 'latin1');
    head.writeUInt32LE(this.#files.length, 8);
    let at = head.byteLength;
    // A tar is read from its start, so that these ascend.
    for (const [i, { tarOffset, sizeBytes }] of this.#files.entries()) {
      const row = HEADER_BYTES + i * ROW_BYTES;
      head.writeBigUInt64LE(BigInt(tarOffset), row);
      head.writeBigUInt64LE(BigInt(sizeBytes), row + 8);
      head.writeBigUInt64LE(BigInt(at), row + 16);
      at += sizeBytes;
    }
    return Buffer.concat([head, ...this.#files.flatMap(({ chunks }) => chunks)]);
  }
}

/** The head of a file of kept files: what is in it, without the contents. */
function readRows(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(HEADER_BYTES);
    readSync(fd, start, 0, HEADER_BYTES, 0);
    const rows = Math.min(start.readUInt32LE(8) * ROW_BYTES, fstatSync(fd).size - HEADER_BYTES);
    const head = Buffer.alloc(HEADER_BYTES + Math.max(0, rows));
    readSync(fd, head, 0, head.byteLength, 0);
    return head;
  } finally {
    closeSync(fd);
  }
}

function opened(index: LayerIndex, path: string | undefined, kept: Buffer): LayerElsewhere {
  const places = new Map<number, { readonly offset: number; readonly sizeBytes: number }>();
  const count = kept.toString('latin1', 0, MAGIC.length) === MAGIC ? kept.readUInt32LE(8) : 0;
  for (let i = 0; i < count && HEADER_BYTES + (i + 1) * ROW_BYTES <= kept.byteLength; i++) {
    const row = HEADER_BYTES + i * ROW_BYTES;
    places.set(Number(kept.readBigUInt64LE(row)), {
      sizeBytes: Number(kept.readBigUInt64LE(row + 8)),
      offset: Number(kept.readBigUInt64LE(row + 16)),
    });
  }
  return {
    index,
    tarBytes: (index.deviceBlocks[0] ?? 0) * 512,
    locateKept: (node) => {
      const { source, offset } = node.data();
      const place = source === 'tar' && node.sizeBytes > 0 ? places.get(offset) : undefined;
      return place === undefined || path === undefined ? undefined : { path, ...place };
    },
  };
}
