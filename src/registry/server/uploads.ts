import { randomBytes } from 'node:crypto';
import { SingleFlight } from '../../base/index.ts';
import { refusal } from './answer.ts';
import type { RegistryStore, UploadedBytes } from './contents.ts';

/** Uploads that may be open at once. */
const UPLOADS_MAX = 256;
/** Milliseconds after which an upload that nobody goes on with is given up. */
const UPLOAD_IDLE_MS = 60 * 60 * 1000;

/** One upload, as its requests see it. */
export interface Upload {
  readonly id: string;
  readonly repository: string;
  readonly bytes: UploadedBytes;
}

interface Entry extends Upload {
  isBusy: boolean;
  expiry: NodeJS.Timeout | undefined;
}

/**
 * The uploads that are open. What a client has sent outlives the server: it goes on with the next one, as with the reference
 * implementation where that shares its secret.
 */
export class Uploads implements AsyncDisposable {
  readonly #store: RegistryStore;
  readonly #entries = new Map<string, Entry>();
  readonly #resuming = new SingleFlight<string, Entry | undefined>();
  #opening = 0;

  constructor(store: RegistryStore) {
    this.#store = store;
  }

  /** @throws TOOMANYREQUESTS */
  async begin(repository: string): Promise<Upload> {
    const id = randomBytes(16).toString('hex');
    const entry = await this.#open(repository, id, () => this.#store.upload(repository, id));
    if (entry === undefined) throw refusal('BLOB_UPLOAD_UNKNOWN', 'the upload has not begun');
    return entry;
  }

  async #open(
    repository: string,
    id: string,
    open: () => Promise<UploadedBytes | undefined>,
  ): Promise<Entry | undefined> {
    if (this.#entries.size + this.#opening >= UPLOADS_MAX)
      throw refusal('TOOMANYREQUESTS', `${UPLOADS_MAX} uploads are open`, { headers: { 'Retry-After': 30 } });
    this.#opening++;
    try {
      const bytes = await open();
      if (bytes === undefined) return undefined;
      const entry: Entry = { id, repository, bytes, isBusy: false, expiry: undefined };
      this.#entries.set(id, entry);
      this.#wait(entry);
      return entry;
    } finally {
      this.#opening--;
    }
  }

  async #resume(repository: string, id: string): Promise<Entry | undefined> {
    return this.#resuming.run(`${repository} ${id}`, () =>
      this.#open(repository, id, () => this.#store.resume(repository, id)),
    );
  }

  /**
   * Holds an upload for one request: two at once would mix their bytes.
   * @throws BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID while another request writes to it
   */
  async use<T>(repository: string, id: string, work: (upload: Upload) => Promise<T>): Promise<T> {
    const entry = this.#entries.get(id) ?? (await this.#resume(repository, id));
    if (entry?.repository !== repository) throw refusal('BLOB_UPLOAD_UNKNOWN', 'there is no such upload');
    if (entry.isBusy)
      throw refusal('BLOB_UPLOAD_INVALID', 'another request writes to this upload', {
        status: 409,
        headers: { 'Retry-After': 1 },
      });
    entry.isBusy = true;
    clearTimeout(entry.expiry);
    try {
      return await work(entry);
    } finally {
      entry.isBusy = false;
      if (this.#entries.has(id)) this.#wait(entry);
    }
  }

  /** Ends an upload; what was not committed is gone. */
  async end({ id, bytes }: Upload): Promise<void> {
    clearTimeout(this.#entries.get(id)?.expiry);
    this.#entries.delete(id);
    await bytes[Symbol.asyncDispose]();
  }

  #wait(entry: Entry): void {
    entry.expiry = setTimeout(() => void this.end(entry).catch(() => {}), UPLOAD_IDLE_MS);
    entry.expiry.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { bytes, expiry } of this.#entries.values()) {
      clearTimeout(expiry);
      await bytes.keep();
      await bytes[Symbol.asyncDispose]();
    }
    this.#entries.clear();
  }
}
