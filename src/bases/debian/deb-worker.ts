import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { isShaleError, messageOf } from '../../base/index.ts';
import { openDeb } from './deb-contents.ts';
import { CHUNK_BYTES, type FromWorker, type ToWorker, WINDOW_CHUNKS } from './deb-protocol.ts';

// Takes packages apart in a thread of its own: the decompression of xz is most of the work of making a base image.
type Post = (message: FromWorker, transfer?: ArrayBuffer[]) => void;

/** The chunks that go to the reader and come back: a thread never has more than these. */
class Buffers {
  readonly #free: ArrayBuffer[] = [];
  #made = 0;
  #wake: (() => void) | undefined;

  async take(): Promise<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const free = this.#free.pop();
      if (free !== undefined) return new Uint8Array(free);
      if (this.#made < WINDOW_CHUNKS) {
        this.#made++;
        return new Uint8Array(CHUNK_BYTES);
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  give(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.#wake?.();
  }
}

async function takeApart(path: string, buffers: Buffers, post: Post): Promise<void> {
  const bytes = readFileSync(path);
  const contents = await openDeb(bytes);
  post({ kind: 'control', bytes: Uint8Array.from(contents.control) });
  let chunk: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  for await (const piece of contents.data) {
    for (let at = 0; at < piece.byteLength;) {
      chunk ??= await buffers.take();
      const count = Math.min(piece.byteLength - at, CHUNK_BYTES - filled);
      chunk.set(piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled < CHUNK_BYTES) continue;
      post({ kind: 'data', bytes: chunk }, [chunk.buffer]);
      chunk = undefined;
      filled = 0;
    }
  }
  if (chunk !== undefined) post({ kind: 'data', bytes: chunk.subarray(0, filled) }, [chunk.buffer]);
  post({ kind: 'end' });
}

function errorMessage(error: unknown): FromWorker {
  return { kind: 'error', code: isShaleError(error) ? error.code : 'DEB_MALFORMED', message: messageOf(error) };
}

const port = parentPort;
if (port !== null) {
  const post: Post = (message, transfer = []) => port.postMessage(message, transfer);
  const buffers = new Buffers();
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'used') buffers.give(message.buffer);
    else void takeApart(message.path, buffers, post).catch((error: unknown) => post(errorMessage(error)));
  });
}
