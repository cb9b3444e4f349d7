import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import type { Steps } from '../../base/index.ts';

/** Written out: to compute it would load the system's cryptography at every start. */
export const SHA256_OF_NOTHING: Uint8Array = Buffer.from(
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'hex',
);

/** Bytes read at once. */
const READ_BYTES = 1024 * 1024;

/** The bytes of a file: in memory, or part of an open file from `offset` on. */
export type FileContent =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'fd'; readonly fd: number; readonly offset: number };

/** Content that is open for reading until it is disposed. */
export interface FileRegion extends Disposable {
  readonly content: FileContent;
  /** Call after reading, where the file is not ours. @throws CONTENT_CHANGED when it is no longer as it was opened. */
  readonly verify?: () => void;
}

/** sha256 over `sizeBytes` of an open region, in steps of a megabyte. */
export function* hashRegion(open: () => FileRegion, sizeBytes: number): Steps<Uint8Array> {
  using region = open();
  const hash = createHash('sha256');
  if (region.content.kind === 'bytes') return hash.update(region.content.bytes).digest();
  const { fd, offset } = region.content;
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, sizeBytes)));
  for (let done = 0; done < sizeBytes;) {
    const got = readSync(fd, buffer, 0, Math.min(buffer.length, sizeBytes - done), offset + done);
    if (got === 0) break;
    hash.update(buffer.subarray(0, got));
    done += got;
    yield;
  }
  region.verify?.();
  return hash.digest();
}
