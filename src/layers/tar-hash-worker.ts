import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { HashJob, HashMessage } from './tar-hash.ts';

// The thread of TarHash: hashes buffers in the order in which they come.
const port = parentPort;
if (port !== null) {
  const { done } = workerData as HashJob; // Given by TarHash.
  const hash = createHash('sha256');
  port.on('message', (message: HashMessage) => {
    if (message.kind === 'end') {
      port.postMessage(hash.digest('hex'));
      port.close();
      return;
    }
    hash.update(message.bytes);
    Atomics.add(done, 0, 1);
    Atomics.notify(done, 0);
  });
}
