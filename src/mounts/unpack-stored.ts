import { closeSync, openSync, readFileSync } from 'node:fs';
import { ShaleError, toText, type ByteString } from '../base/index.ts';
import { openIndex } from '../erofs/index.ts';
import type { MountLayer } from './types.ts';
import { unpackLayer, type UnpackOptions, type UnpackResult } from './unpack.ts';

/**
 * Unpacks a layer, or one directory of it, from its index and data files. `at` is a clean path in the layer; '' is its root.
 * @throws UNPACK_INVALID also where no directory is at that path, and as `unpackLayer`
 */
export function unpackStored(layer: MountLayer, options: UnpackOptions & { readonly at?: ByteString }): UnpackResult {
  const index = openIndex(readFileSync(layer.indexPath));
  const { at = '' } = options;
  let root: typeof index.root | undefined = index.root;
  for (const name of at.split('/')) if (name !== '') root = root?.child(name);
  if (root?.kind !== 'directory')
    throw new ShaleError('UNPACK_INVALID', `cannot unpack /${toText(at)} of a layer: it is no directory`);
  const opened: number[] = [];
  try {
    for (const { path } of layer.data) opened.push(openSync(path, 'r'));
    return unpackLayer({ root, data: opened }, options);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
