import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TarParser, type ReadTarEntry } from '../archive/index.ts';
import { ShaleError, toText, type ByteString } from '../base/index.ts';
import type { FileRegion } from '../layers/index.ts';

/** Members that an image archive may have. */
const MEMBERS_MAX = 10_000;
const READ_BYTES = 1024 * 1024;
/** Of the headers, which are not far from each other where members are small. */
const HEADERS_READ_BYTES = 64 * 1024;

/**
 * The members of an image archive, by name, in an uncompressed tar file. Names are keys and never become paths, so nothing
 * in an archive can lead out of it (CVE-2014-9358).
 */
export class ImageArchive implements Disposable {
  readonly #fd: number;
  readonly #members: ReadonlyMap<ByteString, ReadTarEntry>;

  /** @throws ARCHIVE_INVALID, and what TarParser throws */
  static open(tarPath: string): ImageArchive {
    const fd = openSync(tarPath, 'r');
    try {
      return new ImageArchive(fd, readMembers(fd));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  private constructor(fd: number, members: ReadonlyMap<ByteString, ReadTarEntry>) {
    this.#fd = fd;
    this.#members = members;
  }

  has(name: ByteString): boolean {
    return this.#members.has(name);
  }

  /** A small member. @throws ARCHIVE_INVALID, LIMIT_EXCEEDED */
  read(name: ByteString, maxBytes: number): Buffer {
    const member = this.#file(name);
    if (member.sizeBytes > maxBytes)
      throw new ShaleError('LIMIT_EXCEEDED', `${toText(name)} of the archive is longer than ${maxBytes} bytes`, {
        data: { name: toText(name), maxBytes },
      });
    const bytes = Buffer.alloc(member.sizeBytes);
    readSync(this.#fd, bytes, 0, bytes.length, member.dataOffset);
    return bytes;
  }

  /** @throws ARCHIVE_INVALID */
  async *stream(name: ByteString, offset = 0): AsyncGenerator<Uint8Array> {
    const member = this.#file(name);
    for (let done = offset; done < member.sizeBytes;) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, member.sizeBytes - done));
      const got = readSync(this.#fd, buffer, 0, buffer.length, member.dataOffset + done);
      if (got === 0) throw new ShaleError('ARCHIVE_INVALID', `the archive ends within ${toText(name)}`);
      yield buffer.subarray(0, got);
      done += got;
    }
  }

  /** Where the bytes of a member lie. @throws ARCHIVE_INVALID */
  regionOf(name: ByteString): FileRegion {
    const { dataOffset, sizeBytes } = this.#file(name);
    return { fd: this.#fd, offset: dataOffset, sizeBytes };
  }

  sizeOf(name: ByteString): number {
    return this.#file(name).sizeBytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** A regular file. Links are followed one step and only to another member: docker ≤ 24 writes equal layers so. */
  #file(name: ByteString): ReadTarEntry {
    const member = this.#members.get(name);
    if (member?.kind === 'file' && member.sparse === undefined) return member;
    const target = member?.kind === 'symlink' ? this.#members.get(insideArchive(name, member.linkTarget)) : undefined;
    if (target?.kind === 'file' && target.sparse === undefined) return target;
    throw new ShaleError('ARCHIVE_INVALID', `the archive has no file ${JSON.stringify(toText(name).slice(0, 200))}`, {
      data: { name: toText(name) },
    });
  }
}

/** Where a relative link of a member leads, as a name of the archive. */
function insideArchive(name: ByteString, target: ByteString): ByteString {
  const parts = name.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return target.startsWith('/') ? '' : parts.join('/');
}

function readMembers(fd: number): Map<ByteString, ReadTarEntry> {
  const members = new Map<ByteString, ReadTarEntry>();
  const parser = new TarParser({
    entry: (entry) => {
      if (entry.kind !== 'directory' && members.has(entry.path))
        throw new ShaleError('ARCHIVE_INVALID', `the archive has ${toText(entry.path)} twice`);
      if (members.size >= MEMBERS_MAX)
        throw new ShaleError('LIMIT_EXCEEDED', `the archive has more than ${MEMBERS_MAX} members`);
      members.set(entry.path, entry);
    },
  });
  const buffer = Buffer.allocUnsafe(HEADERS_READ_BYTES);
  const { size } = fstatSync(fd);
  for (let at = 0; at < size;) {
    const got = readSync(fd, buffer, 0, buffer.length, at);
    if (got === 0) break;
    parser.write(buffer.subarray(0, got));
    at += got;
    at += parser.skip(size - at);
  }
  parser.end();
  return members;
}
