import { parentPort } from 'node:worker_threads';
import { MountCore } from './core.ts';
import type { Numbered } from './protocol.ts';

// The mount host as a worker thread. Few imports: it starts on the way of every command that mounts.
const port = parentPort;
if (port !== null) {
  const core = new MountCore((message) => port.postMessage(message));
  port.on('message', ({ number, request }: Numbered) => {
    void core.handle(number, request).then(() => {
      if (request.kind === 'close') port.close();
    });
  });
}
