import { parentPort } from 'node:worker_threads';
import { MountCore } from './core.ts';
import type { HostMessage, Numbered, Request } from './protocol.ts';
import { toWire } from './wire-errors.ts';

// The mount host as a worker thread. Few imports: it starts on the way of every command that mounts.
const port = parentPort;
if (port !== null) {
  const send = (message: HostMessage): void => port.postMessage(message);
  const core = new MountCore({ onEnded: send, within: (work) => work() });
  const answer = async (number: number, request: Request): Promise<void> => {
    try {
      send({ kind: 'reply', number, value: await core.answer(request) });
    } catch (error) {
      send({ kind: 'failed', number, error: toWire(error) });
    }
  };
  port.on('message', ({ number, request }: Numbered) => {
    void answer(number, request).then(() => {
      if (request.kind === 'close') port.close();
    });
  });
}
