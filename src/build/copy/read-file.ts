import { readSync } from 'node:fs';
import { ShaleError, toText, type ByteString } from '../../base/index.ts';
import { resolveIn, type SourceNode } from './source-tree.ts';

/**
 * Reads a small file of a tree, links followed as in a chroot; undefined when nothing is there.
 * @throws FILE_NOT_REGULAR, LIMIT_EXCEEDED
 */
export function readTreeFile(root: SourceNode | undefined, path: ByteString, maxBytes: number): Buffer | undefined {
  const { node } = resolveIn(root, path, { followLast: true });
  if (node === undefined) return undefined;
  if (node.kind !== 'file')
    throw new ShaleError('FILE_NOT_REGULAR', `/${toText(path)} of the image is not a regular file`);
  if (node.sizeBytes > maxBytes)
    throw new ShaleError('LIMIT_EXCEEDED', `/${toText(path)} of the image is longer than ${maxBytes} bytes`);
  using region = node.open();
  if (region.content.kind === 'bytes') return Buffer.from(region.content.bytes);
  const { fd, offset } = region.content;
  const bytes = Buffer.alloc(node.sizeBytes);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset));
}
