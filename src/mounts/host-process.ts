import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { type ByteStream, isShaleError, ShaleError } from '../base/index.ts';
import { makePipe, signalProcess } from '../sys/index.ts';
import type { SpawnReply } from './protocol.ts';
import type { HostEnd, HostProcess, Stdio } from './types.ts';

/** The two ends of a program's pipes: `theirs` is passed on and then closed here, `ours` is kept. */
export class Pipes implements Disposable {
  /** What the host gives to the program. */
  readonly stdio: readonly ('ignore' | number)[];
  readonly #ours = new Map<number, number>();
  readonly #theirs: number[] = [];

  constructor(stdio: readonly Stdio[]) {
    this.stdio = stdio.map((entry, descriptor) => (entry === 'pipe' ? this.#pipe(descriptor) : entry));
  }

  #pipe(descriptor: number): number {
    const [read, write] = makePipe();
    const [ours, theirs] = descriptor === 0 ? [write, read] : [read, write];
    this.#ours.set(descriptor, ours);
    this.#theirs.push(theirs);
    return theirs;
  }

  /** Our ends, by the program's descriptor; from now on the caller's. */
  take(): Map<number, number> {
    const taken = new Map(this.#ours);
    this.#ours.clear();
    return taken;
  }

  /** Closes the program's ends, and ours where nobody has taken them. */
  [Symbol.dispose](): void {
    for (const fd of this.#theirs.splice(0)) closeSync(fd);
    for (const fd of this.take().values()) closeSync(fd);
  }
}

export class SpawnedProcess implements HostProcess {
  readonly pid: number;
  readonly ended: Promise<HostEnd>;
  readonly #pipes: Map<number, number>;
  #pidfd: number | undefined;
  #input: Socket | undefined;
  #resolve: (end: HostEnd) => void = () => {};

  constructor(reply: SpawnReply, pipes: Map<number, number>) {
    this.pid = reply.pid;
    this.#pidfd = reply.pidfd;
    this.#pipes = pipes;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Called once, by the host. */
  finish(end: HostEnd): void {
    this.forget();
    this.#resolve(end);
  }

  /** The host is closed: the end of this program will not be heard of. */
  forget(): void {
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#pidfd = undefined;
  }

  output(descriptor: number): ByteStream {
    const fd = this.#take(descriptor);
    return new Socket({ fd, readable: true, writable: false });
  }

  async write(chunk: Uint8Array): Promise<void> {
    const input = this.#openInput();
    await new Promise<void>((resolve, reject) => {
      input.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {
    this.#openInput().end();
  }

  kill(signal: NodeJS.Signals | number): boolean {
    if (this.#pidfd === undefined) return false;
    try {
      signalProcess(this.#pidfd, typeof signal === 'number' ? signal : constants.signals[signal]);
      return true;
    } catch (error) {
      if (isShaleError(error, 'ESRCH')) return false;
      throw error;
    }
  }

  #openInput(): Socket {
    if (this.#input === undefined) {
      this.#input = new Socket({ fd: this.#take(0), readable: false, writable: true });
      this.#input.on('error', () => {}); // Told to the caller by the write that failed.
    }
    return this.#input;
  }

  #take(descriptor: number): number {
    const fd = this.#pipes.get(descriptor);
    if (fd === undefined) {
      throw new ShaleError(
        'INVARIANT',
        `descriptor ${descriptor} of process ${this.pid} is no pipe, or was taken before`,
      );
    }
    this.#pipes.delete(descriptor);
    return fd;
  }
}
