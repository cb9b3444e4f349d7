import { createHash } from 'node:crypto';
import { constants, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodeTarHeader, TAR_END, tarPadding, type TarEntry } from '../archive/index.ts';
import { type ByteStream, isSystemError, makeFolders, Semaphore, ShaleError, syncFolder } from '../base/index.ts';
import { digestFromHex, type Descriptor } from '../oci/index.ts';

/** Bytes read at once. */
const READ_BYTES = 1024 * 1024;

/** The files that an image is kept in, by name: a folder, or the members of a tar. */
export interface ReadableFiles {
  has(name: string): boolean;
  /** A small file. @throws ARCHIVE_INVALID, LIMIT_EXCEEDED */
  read(name: string, maxBytes: number): Buffer;
  stream(name: string, offset?: number): ByteStream;
  sizeOf(name: string): number;
}

/** Where the files of an image are written. */
export interface WritableFiles extends AsyncDisposable {
  has(name: string): boolean;
  put(name: string, sizeBytes: number, bytes: ByteStream): Promise<void>;
  /** Puts a file that replaces one of that name. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** Everything is durable, and in its place. */
  finish(): Promise<void>;
}

/** A folder of files. Names are ours or checked digests; links are not followed. */
export class FolderFiles implements ReadableFiles, WritableFiles {
  readonly #path: string;
  /** Folders with names that are not on the disk yet. */
  readonly #unsynced = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  has(name: string): boolean {
    return statSync(join(this.#path, name), { throwIfNoEntry: false })?.isFile() === true;
  }

  read(name: string, maxBytes: number): Buffer {
    if (this.sizeOf(name) > maxBytes)
      throw new ShaleError('LIMIT_EXCEEDED', `${join(this.#path, name)} is longer than ${maxBytes} bytes`);
    return readFileSync(join(this.#path, name), { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
  }

  async *stream(name: string, offset = 0): AsyncGenerator<Uint8Array> {
    await using file = await open(join(this.#path, name), constants.O_RDONLY | constants.O_NOFOLLOW);
    for (let at = offset; ;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  sizeOf(name: string): number {
    const stat = statSync(join(this.#path, name), { throwIfNoEntry: false });
    if (stat?.isFile() === true) return stat.size;
    throw new ShaleError('ARCHIVE_INVALID', `${this.#path} has no file ${name}`, { data: { name } });
  }

  async put(name: string, _sizeBytes: number, bytes: ByteStream): Promise<void> {
    const target = join(this.#path, name);
    makeFolders(dirname(target));
    const part = `${target}.${process.pid}.part`;
    try {
      await using file = await open(part, 'w', 0o644);
      for await (const chunk of bytes) await writeAll(file, chunk);
      await file.datasync();
      renameSync(part, target);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
    // With those above it, which may be new: `name` is below the folder.
    for (let at = name; at !== '.'; at = dirname(at)) this.#unsynced.add(join(this.#path, dirname(at)));
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    await this.put(name, bytes.byteLength, one(bytes));
  }

  async finish(): Promise<void> {
    for (const folder of this.#unsynced) await syncFolder(folder);
    this.#unsynced.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A tar that is written beside its place and moved there when it is whole. One member after the other. */
export class TarFile implements WritableFiles {
  readonly #path: string;
  readonly #part: string;
  readonly #names = new Set<string>();
  readonly #turn = new Semaphore(1);
  readonly #later = new Map<string, Uint8Array>();
  #file: FileHandle | undefined;
  #isDone = false;

  constructor(path: string) {
    this.#path = path;
    this.#part = `${path}.${process.pid}.part`;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  async put(name: string, sizeBytes: number, bytes: ByteStream): Promise<void> {
    using _turn = await this.#turn.acquire();
    if (this.#names.has(name)) return;
    this.#file ??= await open(this.#part, 'w', 0o644);
    await writeAll(this.#file, encodeTarHeader({ ...PLAIN_FILE, path: name, sizeBytes }));
    for await (const chunk of bytes) await writeAll(this.#file, chunk);
    await writeAll(this.#file, tarPadding(sizeBytes));
    this.#names.add(name);
  }

  /** Kept until the end, since a member cannot be replaced. */
  async replace(name: string, bytes: Uint8Array): Promise<void> {
    this.#later.set(name, bytes);
  }

  async finish(): Promise<void> {
    for (const [name, bytes] of this.#later) await this.put(name, bytes.byteLength, one(bytes));
    if (this.#file === undefined) return;
    await writeAll(this.#file, TAR_END);
    await this.#file.datasync();
    renameSync(this.#part, this.#path);
    this.#isDone = true;
    await syncFolder(dirname(this.#path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    if (!this.#isDone) rmSync(this.#part, { force: true });
  }
}

/** What the member of an image archive is, but for its name and size. */
export const PLAIN_FILE: Omit<TarEntry, 'path' | 'sizeBytes'> = {
  kind: 'file',
  mode: 0o444,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
  linkTarget: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map<string, Uint8Array>(),
};

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.byteLength > 0;) rest = rest.subarray((await file.write(rest)).bytesWritten);
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Passes a blob on and fails at its end when it is not what the descriptor says. @throws DIGEST_MISMATCH, SIZE_MISMATCH */
export async function* verified(bytes: ByteStream, descriptor: Descriptor, offset = 0): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = offset;
  for await (const chunk of bytes) {
    size += chunk.byteLength;
    if (size > descriptor.size) break;
    if (offset === 0) hash.update(chunk);
    yield chunk;
  }
  const { digest } = descriptor;
  if (size !== descriptor.size) {
    const got = size > descriptor.size ? 'more' : `${size}`;
    throw new ShaleError('SIZE_MISMATCH', `the blob ${digest} has ${got} bytes, expected ${descriptor.size}`);
  }
  const got = offset === 0 ? digestFromHex(hash.digest('hex')) : digest;
  if (got !== digest)
    throw new ShaleError('DIGEST_MISMATCH', `the blob ${digest} has the digest ${got}`, {
      data: { expected: digest, got },
    });
}

/** True where there is nothing, or a folder. */
export function mayBeFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return true;
    throw error;
  }
}
