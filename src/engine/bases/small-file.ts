import { closeSync, openSync, readSync } from 'node:fs';
import { type ByteString, fromBytes, isShaleError } from '../../base/index.ts';
import type { Stack } from '../../layers/index.ts';

const BYTES_MAX: number = 1024 * 1024;

/** The beginning of a file of an image, links followed; undefined when there is none. */
export function readSmallFile(stack: Stack, path: ByteString, maxBytes: number = BYTES_MAX): ByteString | undefined {
  try {
    const { node } = stack.view.resolve(path, { followLast: true });
    if (node?.kind !== 'file') return undefined;
    const { path: file, offset, sizeBytes } = stack.locate(node);
    const bytes = Buffer.alloc(Math.min(sizeBytes, maxBytes));
    const fd = openSync(file, 'r');
    try {
      return fromBytes(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset)));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!isShaleError(error, 'LINK_LOOP')) throw error;
    return undefined;
  }
}
