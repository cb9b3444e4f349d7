import { parentPort } from 'node:worker_threads';
import type { HashAnswer, HashMessage } from './hash-thread.ts';
import { TarDigests } from './tar-digests.ts';

// The thread of HashThread: hashes the buffers of each tar in the order in which they come.
const port = parentPort;
if (port !== null) {
  const tars = new Map<number, TarDigests>();
  port.on('message', (message: HashMessage) => {
    if (message.kind === 'close') return port.close();
    const { tar } = message;
    const digests = tars.get(tar) ?? new TarDigests();
    if (message.kind === 'hash') {
      tars.set(tar, digests);
      digests.announce(message.files);
      digests.update(message.bytes);
      Atomics.add(message.done, 0, 1);
      Atomics.notify(message.done, 0);
      return;
    }
    tars.delete(tar);
    if (message.kind === 'end') port.postMessage({ tar, ...digests.end() } satisfies HashAnswer);
  });
}
