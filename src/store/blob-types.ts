import type { DiffId, Digest } from '../oci/index.ts';

export interface BlobStat {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly path: string;
  /** On disk for certain, not only in memory. */
  readonly synced: boolean;
}

export interface Blobs {
  /**
   * The committed blob, or undefined when it is not here or not whole. A blob whose file is not as it was recorded
   * (another size or time, written before a reboot and never synced) is verified by its digest first, so a damaged
   * one counts as absent and the next ingest of it repairs it.
   */
  find(digest: Digest): Promise<BlobStat | undefined>;
  /** As `find`. @throws BLOB_NOT_FOUND, and BLOB_CORRUPT when the bytes are there but wrong. */
  get(digest: Digest): Promise<BlobStat>;
  /** Where the blob lies or would lie. Says nothing about whether it is there. */
  path(digest: Digest): string;
  /** A read-only descriptor of a blob that `get` accepts; the caller closes it. */
  open(digest: Digest): Promise<OpenBlob>;
  /** The bytes of a small blob, verified. @throws BLOB_NOT_FOUND, BLOB_CORRUPT, BLOB_TOO_LARGE. */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /** The bytes of a blob as a stream that fails with BLOB_CORRUPT at its end when they do not match the digest. */
  stream(digest: Digest): AsyncIterable<Uint8Array>;
  /** Stores bytes that are in memory. */
  put(bytes: Uint8Array): Promise<Digest>;
  /**
   * Starts a write. @throws INGEST_BUSY when another live writer has the `ref` and `wait` is not set; INGEST_NOT_FOUND when
   * there is none to resume and that is required
   */
  createIngest(options?: IngestOptions): Promise<Ingest>;
  /**
   * The blob, made by `fill` when it is missing: whoever comes first (of all processes) fills, the others wait for it.
   * `fill` writes to the ingest, which may already hold the first `sizeBytes` of an interrupted attempt; it need not
   * commit.
   */
  ensure(
    digest: Digest,
    options: { readonly sizeBytes?: number; readonly signal?: AbortSignal },
    fill: (ingest: Ingest) => Promise<void>,
  ): Promise<BlobStat>;
  /** Reads the whole blob and compares: the digest's verdict now, whatever is recorded. */
  verify(digest: Digest): Promise<'whole' | 'corrupt' | 'missing'>;
  /** Every committed blob, by digest. */
  list(): Promise<readonly BlobStat[]>;
}

export interface OpenBlob extends AsyncDisposable {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface IngestOptions {
  /** Names the write, so that it can be resumed after a crash and is done by one writer at a time. */
  readonly ref?: string;
  readonly expectedDigest?: Digest;
  readonly expectedSizeBytes?: number;
  /** What to do with bytes that an interrupted ingest of the same ref left. Default `resume`; `required`: there must be some. */
  readonly existing?: 'resume' | 'truncate' | 'required';
  /** Wait for another writer of the same ref instead of failing with INGEST_BUSY. */
  readonly wait?: boolean;
  /** Hash while writing (default). With `false` the caller passes the digest to `commit`, or the file is read again. */
  readonly hash?: boolean;
  readonly signal?: AbortSignal;
}

/** A write in progress. Nothing of it can be seen until `commit`; dispose without commit discards it (see `keep`). */
export interface Ingest extends AsyncDisposable {
  /** Open for reading and writing. Whoever writes through it and not through `write` must use `hash: false`. */
  readonly fd: number;
  readonly path: string;
  /** Bytes written so far, including those of a resumed attempt. */
  readonly sizeBytes: number;
  /** Appends. Short writes are completed. @throws NO_SPACE, STORE_IO. */
  write(chunk: Uint8Array): Promise<void>;
  writeSync(chunk: Uint8Array): void;
  /** Cuts the write back to its first `sizeBytes`. */
  truncate(sizeBytes: number): Promise<void>;
  /**
   * Moves the bytes into place and gives their digest. `digest` is taken as the truth when the ingest did not hash
   * itself, else compared. The same content twice is one blob, and no error; so is a second call. The blob is leased by
   * this handle before it becomes visible, and not yet durable (`publish`, `makeDurable`).
   * @throws DIGEST_MISMATCH, SIZE_MISMATCH (the bytes are then discarded), INGEST_CLOSED.
   */
  commit(digest?: Digest): Promise<Digest>;
  /** Closes without commit and leaves the bytes to be resumed by the same ref. */
  keep(): Promise<void>;
}

/** A kind of derived file. A new version is a new name: files of other versions are never read, and collected. */
export interface DerivedKind {
  /** `[a-z0-9-]+`, also the extension of the file: `erofs`, `contents`, `expanded`, `tree`. */
  readonly name: string;
  readonly version: number;
  readonly folder: 'index' | 'trees';
  readonly type: 'file' | 'directory';
}

/** Files made from a layer (or a chain) by its digest: written once, never in place, evictable at any time. */
export interface Derived {
  /** Where it lies or would lie. */
  path(kind: DerivedKind, key: Digest): string;
  /**
   * Its path when it is there and can be trusted, and holds it for this session. A file written before a reboot is
   * verified by its checksum, a directory is not trusted.
   */
  find(kind: DerivedKind, key: Digest): Promise<string | undefined>;
  has(kind: DerivedKind, key: Digest): Promise<boolean>;
  /** Writes a file of this kind at once. When it is there already nothing happens. Returns its path. */
  write(kind: DerivedKind, key: Digest, bytes: Uint8Array, options?: DerivedOptions): Promise<string>;
  /** A private path to make a file or directory at; `commit` moves it into place, dispose removes it. */
  create(kind: DerivedKind, key: Digest, options?: DerivedOptions): Promise<DerivedDraft>;
  /** Removes it; false when it was not there. The caller knows that nothing uses it. */
  evict(kind: DerivedKind, key: Digest): Promise<boolean>;
  list(): Promise<readonly DerivedRecord[]>;
}

export interface DerivedOptions {
  /** The layers it is made of; it is kept while all of them are reachable. Default: `key` itself. */
  readonly layers?: readonly DiffId[];
}

export interface DerivedDraft extends AsyncDisposable {
  /** Does not exist yet; make a file or a directory there, as the kind says. */
  readonly path: string;
  /** Returns the path in place. `synced`: the caller has brought it to disk, so it is trusted after a reboot too. */
  commit(options?: { readonly synced?: boolean }): Promise<string>;
}

export interface DerivedRecord {
  readonly kind: string;
  readonly version: number;
  readonly key: Digest;
  readonly path: string;
  readonly sizeBytes: number;
}

/** A layer by its diffId. Its tar may be absent (lazy): then `sources` say where its bytes can be had. */
export interface LayerRecord {
  readonly diffId: DiffId;
  /** Size of the uncompressed tar; undefined when not known yet. */
  readonly sizeBytes?: number | undefined;
  readonly sources: readonly LayerSource[];
}

export interface LayerSource {
  /** `registry.example/name`, without tag or digest. */
  readonly repository: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

export interface LayerRecords {
  find(diffId: DiffId): Promise<LayerRecord | undefined>;
  /** Adds what is not known yet; sources are joined, a known size stays. */
  put(record: LayerRecord): Promise<void>;
}

/** One compressed form of a layer. */
export interface Encoding {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** Who made these bytes: `node-zlib/1.3.1/gzip-6`, or `foreign` for pulled ones. */
  readonly compressor: string;
}

export interface Encodings {
  list(diffId: DiffId): Promise<readonly Encoding[]>;
  /** The layer that a compressed blob holds, as far as this store has seen it decompressed. */
  findLayer(digest: Digest): Promise<{ readonly diffId: DiffId; readonly encoding: Encoding } | undefined>;
  /** Says that `encoding` decompresses to `diffId`: call it only after having seen so. Idempotent. */
  add(diffId: DiffId, encoding: Encoding): Promise<void>;
  remove(diffId: DiffId, digest: Digest): Promise<void>;
}
