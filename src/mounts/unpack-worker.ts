import { closeSync, openSync, readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { openIndex } from '../erofs/index.ts';
import { unpackLayer, type UnpackResult } from './unpack.ts';
import type { UnpackAnswer, UnpackOrder } from './unpackers.ts';
import { toWire } from './wire-errors.ts';

// The thread that unpacks layers, one after the other.
const port = parentPort;
port?.on('message', (order: UnpackOrder) => port.postMessage(answer(order)));

function answer(order: UnpackOrder): UnpackAnswer {
  try {
    const { lostCount, lost } = unpack(order);
    return { kind: 'done', lostCount, lost };
  } catch (error) {
    return { kind: 'failed', error: toWire(error) };
  }
}

function unpack({ layer, directory, xattrFamily }: UnpackOrder): UnpackResult {
  const { root } = openIndex(readFileSync(layer.indexPath));
  const opened: number[] = [];
  const open = (path: string): number => {
    const fd = openSync(path, 'r');
    opened.push(fd);
    return fd;
  };
  try {
    const data = layer.data.map(({ path }) => open(path));
    return unpackLayer({ root, data }, { directory, xattrFamily });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
