import { open, type FileHandle } from 'node:fs/promises';
import { isSystemError, Semaphore, type ByteStream } from '../../../base/index.ts';
import type { Digest } from '../../../oci/index.ts';
import type { BlobStat, Ingest } from '../../../store/index.ts';

/** Blobs that are fetched at once; the others wait. */
const DOWNLOADS_AT_ONCE = 16;
/** Bytes that are read at once. */
const READ_BYTES: number = 256 * 1024;

export interface Part {
  readonly start: number;
  /** Included. */
  readonly end: number;
}

/** Brings a blob into the store: `fill` is told where it is written, and tells how far it is. */
export type Fetch = (began: (ingest: Ingest) => void, moved: (sizeBytes: number) => void) => Promise<BlobStat>;

/** The blobs that are on their way into the store, each once, however many clients ask for it. */
export class Downloads {
  readonly #running = new Map<Digest, Download>();
  readonly #turns = new Semaphore(DOWNLOADS_AT_ONCE);

  /** The download of a blob that is under way, else one that begins now. It goes on when its clients are gone. */
  of(digest: Digest, sizeBytes: number, fetch: Fetch): Download {
    const running = this.#running.get(digest);
    if (running !== undefined) return running;
    const download = new Download(sizeBytes, async (began, moved) => {
      using _turn = await this.#turns.acquire();
      return await fetch(began, moved);
    });
    this.#running.set(digest, download);
    const end = (): boolean => this.#running.delete(digest);
    download.done.then(end, end);
    return download;
  }

  /** Waits for all that is under way: with the server's signal aborted that is soon. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }
}

/**
 * A blob that is read while it comes. Its last byte is given when its digest was right, so that nobody takes wrong bytes for
 * the whole of it.
 */
export class Download {
  /** Ends with the blob in its place. */
  readonly done: Promise<BlobStat>;
  readonly #sizeBytes: number;
  #path: string | undefined;
  #written = 0;
  #hasMoved = false;
  #state: 'moving' | 'whole' | 'failed' = 'moving';
  #change = Promise.withResolvers<void>();

  constructor(sizeBytes: number, fetch: Fetch) {
    this.#sizeBytes = sizeBytes;
    this.done = this.#run(fetch);
  }

  async #run(fetch: Fetch): Promise<BlobStat> {
    try {
      const blob = await fetch(
        (ingest) => (this.#path = ingest.path),
        (sizeBytes) => this.#moved(sizeBytes),
      );
      this.#path = blob.path;
      this.#state = 'whole';
      return blob;
    } catch (error) {
      this.#state = 'failed';
      throw error;
    } finally {
      this.#moved(this.#written);
    }
  }

  #moved(sizeBytes: number): void {
    this.#written = sizeBytes;
    this.#hasMoved = true;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** Waits for the first bytes, and fails when there are none. */
  async open({ start, end }: Part): Promise<ByteStream> {
    while (!this.#hasMoved) await this.#change.promise;
    if (this.#state === 'failed') await this.done;
    return this.#read(start, end + 1);
  }

  async *#read(start: number, end: number): AsyncGenerator<Uint8Array> {
    await using file = await this.#file();
    for (let at = start; at < end;) {
      const count = Math.min(end, this.#readable, at + READ_BYTES) - at;
      if (count <= 0) {
        if (this.#state === 'failed') await this.done;
        await this.#change.promise;
        continue;
      }
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(count), 0, count, at);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  get #readable(): number {
    return this.#state === 'whole' ? this.#sizeBytes : Math.min(this.#written, this.#sizeBytes - 1);
  }

  async #file(): Promise<FileHandle> {
    try {
      return await open(this.#path ?? '');
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
      // It has just been moved to its place, or is made by another process.
      return await open((await this.done).path);
    }
  }
}
