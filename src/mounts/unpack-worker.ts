import { parentPort } from 'node:worker_threads';
import { unpackStored } from './unpack-stored.ts';
import type { UnpackAnswer, UnpackOrder } from './unpackers.ts';
import { toWire } from './wire-errors.ts';

// The thread that unpacks layers, one after the other.
const port = parentPort;
port?.on('message', (order: UnpackOrder) => port.postMessage(answer(order)));

function answer(order: UnpackOrder): UnpackAnswer {
  try {
    const { layer, directory, xattrFamily } = order;
    const { lostCount, lost } = unpackStored(layer, { directory, xattrFamily });
    return { kind: 'done', lostCount, lost };
  } catch (error) {
    return { kind: 'failed', error: toWire(error) };
  }
}
