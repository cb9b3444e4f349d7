import { closeSync, constants, openSync, read, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { isSystemError, isShaleError, ShaleError } from '../base/index.ts';
import { connectPackets, shutDownSocket } from '../sys/index.ts';
import type { Attachment, ConsoleSize, OutputPiece } from './types.ts';

const readAsync = promisify(read);
const writeAsync = promisify(write);

/** conmon reads and writes pieces of at most this size, with one byte before output that says which stream it is. */
const PACKET_BYTES = 32 * 1024;
const PIPE_STDERR = 3;

/**
 * Connects to what conmon keeps open for a container (`bundle/attach`, `bundle/ctl`): its output from now on, its input
 * and the size of its terminal. Any number of connections may be open.
 * @throws ATTACH_FAILED when the container has no keeper.
 */
export function openAttachment(bundle: string): Attachment {
  const folder = openSync(bundle, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return new Connection(connectPackets(`/proc/self/fd/${folder}/attach`), `${bundle}/ctl`);
  } catch (cause) {
    if (!isShaleError(cause, 'ENOENT', 'ECONNREFUSED', 'EPIPE')) throw cause;
    throw new ShaleError('ATTACH_FAILED', 'the container has ended, or its keeper has', { cause });
  } finally {
    closeSync(folder);
  }
}

class Connection implements Attachment {
  readonly #socket: number;
  readonly #control: string;
  /** Reads and writes under way: the descriptor is closed after them, so that none meets another file. */
  #busy = 0;
  #closed = false;
  #released = false;

  constructor(socket: number, control: string) {
    this.#socket = socket;
    this.#control = control;
  }

  async *output(): AsyncGenerator<OutputPiece> {
    for (;;) {
      const packet = Buffer.alloc(PACKET_BYTES + 1);
      const count = await this.#during(() => readAsync(this.#socket, packet, 0, packet.length, null)).then(
        (done) => done?.bytesRead ?? 0,
        (error: unknown) => {
          if (isSystemError(error, 'ECONNRESET', 'EPIPE')) return 0;
          throw error;
        },
      );
      if (count === 0) return;
      yield { stream: packet[0] === PIPE_STDERR ? 'stderr' : 'stdout', bytes: packet.subarray(1, count) };
    }
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length; at += PACKET_BYTES) {
      const piece = bytes.subarray(at, at + PACKET_BYTES);
      const sent = await this.#during(() => writeAsync(this.#socket, piece, 0, piece.length, null)).catch(
        () => undefined,
      );
      if (sent === undefined) return false;
    }
    return true;
  }

  endInput(): void {
    this.#shutDown('write');
  }

  resize({ height, width }: ConsoleSize): void {
    try {
      // Not waiting: a fifo that nobody reads any more cannot be opened.
      const control = openSync(this.#control, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        writeSync(control, `1 ${height} ${width}\n`);
      } finally {
        closeSync(control);
      }
    } catch (error) {
      if (!isSystemError(error, 'ENXIO', 'ENOENT', 'EPIPE', 'EAGAIN')) throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    // A read that waits ends by this; the descriptor must stay until then.
    this.#shutDown('both');
    this.#closed = true;
    this.#release();
  }

  async #during<T>(call: () => Promise<T>): Promise<T | undefined> {
    if (this.#closed) return undefined;
    this.#busy++;
    try {
      return await call();
    } finally {
      this.#busy--;
      this.#release();
    }
  }

  #shutDown(what: 'write' | 'both'): void {
    if (this.#closed) return;
    try {
      shutDownSocket(this.#socket, what);
    } catch (error) {
      if (!isShaleError(error, 'ENOTCONN')) throw error;
    }
  }

  #release(): void {
    if (!this.#closed || this.#busy > 0 || this.#released) return;
    this.#released = true;
    closeSync(this.#socket);
  }
}
