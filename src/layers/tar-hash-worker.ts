import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { HashAnswer, HashMessage } from './hash-thread.ts';

// The thread of HashThread: hashes the buffers of each tar in the order in which they come.
const port = parentPort;
if (port !== null) {
  const hashes = new Map<number, Hash>();
  port.on('message', (message: HashMessage) => {
    if (message.kind === 'close') return port.close();
    const { tar } = message;
    const hash = hashes.get(tar) ?? createHash('sha256');
    if (message.kind === 'hash') {
      hashes.set(tar, hash.update(message.bytes));
      Atomics.add(message.done, 0, 1);
      Atomics.notify(message.done, 0);
      return;
    }
    hashes.delete(tar);
    if (message.kind === 'end') port.postMessage({ tar, hex: hash.digest('hex') } satisfies HashAnswer);
  });
}
