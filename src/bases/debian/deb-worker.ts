import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { decompress } from '../../archive/index.ts';
import { type ByteStream, collect, isShaleError, messageOf, streamOf } from '../../base/index.ts';
import { type ArMember, findDebMembers } from './ar.ts';
import {
  CHUNK_BYTES,
  CONTROL_BYTES_MAX,
  DATA_BYTES_MAX,
  type FromWorker,
  type ToWorker,
  WINDOW_CHUNKS,
} from './deb-protocol.ts';

// Takes packages apart in a thread of its own: the decompression of xz is most of the work of making a base image.
const port = parentPort;
if (port !== null) {
  let credit = 0;
  let wake: (() => void) | undefined;
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  const spend = async (): Promise<void> => {
    while (credit === 0) await new Promise<void>((resolve) => (wake = resolve));
    credit--;
  };
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'open') {
      credit = WINDOW_CHUNKS;
      void takeApart(message.path, spend, post).catch((error: unknown) => post(errorMessage(error)));
    } else {
      credit++;
      wake?.();
    }
  });
}

async function takeApart(
  path: string,
  spend: () => Promise<void>,
  post: (message: FromWorker, transfer?: ArrayBuffer[]) => void,
): Promise<void> {
  const bytes = readFileSync(path);
  const members = findDebMembers(bytes);
  const control = await collect(await plain(bytes, members.control), CONTROL_BYTES_MAX, 'control.tar');
  post({ kind: 'control', bytes: Uint8Array.from(control) });
  let chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  const send = async (): Promise<void> => {
    await spend();
    post({ kind: 'data', bytes: chunk.subarray(0, filled) }, [chunk.buffer]);
    chunk = new Uint8Array(CHUNK_BYTES);
    filled = 0;
  };
  let total = 0;
  for await (const piece of await plain(bytes, members.data)) {
    total += piece.byteLength;
    if (total > DATA_BYTES_MAX) throw new Error(`data.tar is longer than ${DATA_BYTES_MAX} bytes`);
    for (let at = 0; at < piece.byteLength;) {
      const count = Math.min(piece.byteLength - at, CHUNK_BYTES - filled);
      chunk.set(piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === CHUNK_BYTES) await send();
    }
  }
  if (filled > 0) await send();
  post({ kind: 'end' });
}

async function plain(bytes: Uint8Array, member: ArMember): Promise<ByteStream> {
  return (await decompress(streamOf(bytes.subarray(member.offset, member.offset + member.sizeBytes)))).stream;
}

function errorMessage(error: unknown): FromWorker {
  return { kind: 'error', code: isShaleError(error) ? error.code : 'DEB_MALFORMED', message: messageOf(error) };
}
