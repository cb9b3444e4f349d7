import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

/** Below this our own decoder is done before a program has started. */
const XZ_PROGRAM_BYTES_MIN: number = 256 * 1024;
let hasXzProgram: boolean | undefined;

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
  const members = findDebMembers(bytes);
  const control = await collect(await plain(bytes, members.control), CONTROL_BYTES_MAX, 'control.tar');
  post({ kind: 'control', bytes: Uint8Array.from(control) });
  let chunk: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  let total = 0;
  for await (const piece of await plain(bytes, members.data)) {
    total += piece.byteLength;
    if (total > DATA_BYTES_MAX) throw new Error(`data.tar is longer than ${DATA_BYTES_MAX} bytes`);
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

async function plain(bytes: Uint8Array, member: ArMember): Promise<ByteStream> {
  const packed = bytes.subarray(member.offset, member.offset + member.sizeBytes);
  if (member.name.endsWith('.xz') && packed.byteLength >= XZ_PROGRAM_BYTES_MIN && hasXzProgram !== false) {
    return throughXz(packed);
  }
  return (await decompress(streamOf(packed))).stream;
}

// Where the program xz is installed it does the same in less than half the time; where it is not, nothing changes.
async function* throughXz(packed: Uint8Array): AsyncGenerator<Uint8Array> {
  const child = spawn('xz', ['--decompress', '--stdout'], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    await once(child, 'spawn');
    hasXzProgram = true;
  } catch {
    hasXzProgram = false;
    yield* (await decompress(streamOf(packed))).stream;
    return;
  }
  const closed = once(child, 'close');
  // A program that ends early is told by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(packed);
  // Without an encoding a pipe gives buffers.
  yield* child.stdout as AsyncIterable<Uint8Array>;
  const [code] = await closed;
  if (code !== 0) throw new Error(`xz ended with exit code ${String(code)}`);
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
