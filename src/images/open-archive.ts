import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { decompress, SNIFF_BYTES, sniffCompression } from '../archive/index.ts';
import { isSystemError, messageOf, ShaleError, type ByteStream } from '../base/index.ts';
import type { Ingest, Store } from '../store/index.ts';
import { ImageArchive } from './archive-reader.ts';

/** Bytes that an image archive may unpack to. */
const ARCHIVE_BYTES_MAX: number = 512 * 1024 ** 3;

/** Where an archive of images comes from. */
export type ArchiveOrigin = ByteStream | { readonly file: string };

export interface OpenArchive extends AsyncDisposable {
  readonly archive: ImageArchive;
}

/**
 * Opens an archive of images. A file that is an uncompressed tar is read where it lies; everything else is written to the
 * staging area of the store first, since members are read in any order.
 * @throws ARCHIVE_INVALID, ARCHIVE_NOT_FOUND, and what decompress and TarParser throw
 */
export async function openArchive(store: Store, origin: ArchiveOrigin, signal: AbortSignal): Promise<OpenArchive> {
  await using stack = new AsyncDisposableStack();
  const path = 'file' in origin && (await isPlainFile(origin.file)) ? origin.file : undefined;
  // A stream of a file opens it, so that one is only made to be read.
  const stream = (): ByteStream => ('file' in origin ? createReadStream(origin.file) : origin);
  const place = path ?? stack.use(await spoolArchive(store, stream(), signal)).path;
  const archive = stack.use(ImageArchive.open(place));
  const resources = stack.move();
  return { archive, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Writes an archive to a file of its own, uncompressed, so that its members can be read in any order. */
export async function spoolArchive(store: Store, source: ByteStream, signal: AbortSignal): Promise<Ingest> {
  const { stream } = await decompress(source, {
    maxBytes: ARCHIVE_BYTES_MAX,
    what: 'the archive',
    isTransient: true,
    signal,
  });
  const spool = await store.blobs.createIngest({ hash: false });
  try {
    for await (const chunk of stream) spool.writeSync(chunk);
    return spool;
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}

async function isPlainFile(path: string): Promise<boolean> {
  try {
    if (!statSync(path).isFile()) return false;
    await using file = await open(path, 'r');
    const { buffer } = await file.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    return sniffCompression(buffer) === 'none';
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ShaleError('ARCHIVE_NOT_FOUND', `cannot read ${path}: ${messageOf(error)}`, {
      cause: error,
      data: { path },
    });
  }
}
