import { closeSync, openSync, writeSync } from 'node:fs';
import type { ByteString } from '../../base/index.ts';
import { encodeTarHeader, TAR_END, type TarEntry, tarPadding } from '../../archive/index.ts';
import type { Content, Inode } from './tree.ts';

const BUFFER_BYTES: number = 1024 * 1024;

/**
 * Writes a tar to a new file, and tells where each content lies, so that it can be read back as part of a `Tree`. The
 * descriptor stays open, for reading too, until disposed.
 */
export class TarFileWriter implements Disposable {
  readonly fd: number;
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #buffered = 0;
  #written = 0;
  #contentBytes = 0;
  #closed = false;

  /** @throws the system's error when the file exists or cannot be made. */
  constructor(path: string) {
    this.fd = openSync(path, 'wx+', 0o600);
  }

  /** Writes the header of an entry; for a file its content follows through `writeContent`, then `endContent`. */
  startEntry(path: ByteString, inode: Inode, sizeBytes: number): void {
    this.#write(encodeTarHeader(tarEntryOf(path, inode, sizeBytes)));
    this.#contentBytes = 0;
  }

  writeContent(chunk: Uint8Array): void {
    this.#write(chunk);
    this.#contentBytes += chunk.byteLength;
  }

  /** Ends the content of a file and says where it is. */
  endContent(): Content {
    const sizeBytes = this.#contentBytes;
    const offset = this.#written + this.#buffered - sizeBytes;
    this.#write(tarPadding(sizeBytes));
    return { kind: 'file', fd: this.fd, offset, sizeBytes };
  }

  writeHardLink(path: ByteString, target: ByteString, inode: Inode): void {
    this.#write(encodeTarHeader({ ...tarEntryOf(path, inode, 0), kind: 'hardlink', linkTarget: target }));
  }

  /** Ends the tar; what was written before can be read from now on. */
  finish(): void {
    this.#write(TAR_END);
    this.flush();
  }

  /** Makes everything written so far readable through the descriptor. */
  flush(): void {
    for (let at = 0; at < this.#buffered;) {
      at += writeSync(this.fd, this.#buffer, at, this.#buffered - at, this.#written + at);
    }
    this.#written += this.#buffered;
    this.#buffered = 0;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
  }

  #write(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) {
      const count = Math.min(bytes.byteLength - at, BUFFER_BYTES - this.#buffered);
      this.#buffer.set(at === 0 && count === bytes.byteLength ? bytes : bytes.subarray(at, at + count), this.#buffered);
      this.#buffered += count;
      at += count;
      if (this.#buffered === BUFFER_BYTES) this.flush();
    }
  }
}

/** The tar entry of an inode at a path. */
export function tarEntryOf(path: ByteString, inode: Inode, sizeBytes: number): TarEntry {
  return {
    path,
    kind: inode.kind,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    mtimeNs: inode.mtimeNs,
    sizeBytes,
    linkTarget: inode.linkTarget,
    deviceMajor: inode.deviceMajor,
    deviceMinor: inode.deviceMinor,
    xattrs: inode.xattrs,
  };
}
