import { existsSync, readFileSync, statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { invariant, isShaleError, messageOf, ShaleError } from '../../base/index.ts';
import { type DebContents, openDeb } from './deb-contents.ts';
import type { FromWorker, ToWorker } from './deb-protocol.ts';

/** A thread costs more than taking apart a package of this size. */
const INLINE_BYTES_MAX: number = 8 * 1024;

/**
 * Takes Debian packages apart in worker threads. Packages are read ahead in the order in which they were asked for,
 * and must be used in that order: a thread waits until its package is read.
 */
export class DebReader implements AsyncDisposable {
  readonly #idle: Worker[] = [];
  readonly #alive = new Set<Worker>();
  readonly #waiting: Job[] = [];
  readonly #running = new Map<Worker, Job>();
  #failure: Error | undefined;

  readonly #threads: number;
  #isStarted = false;

  /** Threads are started with the first package that is worth one. */
  constructor(threads: number) {
    this.#threads = Math.max(1, threads);
  }

  /** Begins to read the package file at `path`. @throws DEB_MALFORMED and the errors of the decompressors. */
  open(path: string): Promise<DebContents> {
    const contents = this.#open(path);
    // The caller may not look at it before another package has failed.
    contents.catch(() => undefined);
    return contents;
  }

  async #open(path: string): Promise<DebContents> {
    const file = workerFile();
    if (file === undefined || statSync(path).size <= INLINE_BYTES_MAX) return openInline(path);
    if (!this.#isStarted) for (let i = 0; i < this.#threads; i++) this.#start(file);
    this.#isStarted = true;
    const job = new Job(path);
    this.#waiting.push(job);
    this.#next();
    return await job.contents;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStarted = true;
    await Promise.all([...this.#alive].map((worker) => worker.terminate()));
  }

  #start(file: URL): void {
    const worker = new Worker(file, {
      name: 'shale packages',
      argv: [],
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#alive.add(worker);
    this.#idle.push(worker);
    worker.on('message', (message: FromWorker) => this.#receive(worker, message));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('the thread ended')));
    // A reader that is waiting for a package keeps the process alive by the job, not by idle threads.
    worker.unref();
  }

  #next(): void {
    if (this.#alive.size === 0) {
      for (const job of this.#waiting.splice(0)) job.fail(this.#failure ?? new Error('the threads ended'));
    }
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop();
      if (worker === undefined) return;
      const job = this.#waiting.shift();
      invariant(job !== undefined, 'a list that is not empty has a first element');
      this.#running.set(worker, job);
      worker.ref();
      tell(worker, { kind: 'open', path: job.path });
    }
  }

  #receive(worker: Worker, message: FromWorker): void {
    const job = this.#running.get(worker);
    if (job === undefined) return;
    if (message.kind === 'control') job.start(message.bytes, (buffer) => giveBack(worker, buffer));
    else if (message.kind === 'data') job.push(message.bytes);
    else {
      if (message.kind === 'end') job.finish();
      else job.fail(broken(job.path, message.code, message.message));
      this.#running.delete(worker);
      worker.unref();
      this.#idle.push(worker);
      this.#next();
    }
  }

  /** A thread is gone: its package fails, and so do all that nobody is left for. */
  #lose(worker: Worker, error: Error): void {
    if (!this.#alive.delete(worker)) return;
    const failure = new ShaleError('DEB_MALFORMED', `a package could not be taken apart: ${error.message}`, {
      cause: error,
    });
    this.#running.get(worker)?.fail(failure);
    this.#running.delete(worker);
    const idle = this.#idle.indexOf(worker);
    if (idle >= 0) this.#idle.splice(idle, 1);
    this.#failure = failure;
    this.#next();
  }
}

/** The program of the threads, here or in the bundle; without it packages are taken apart where they are needed. */
function workerFile(): URL | undefined {
  const candidates = ['./deb-worker.ts', './deb-worker.js', '../deb-worker.js'];
  return candidates.map((name) => new URL(name, import.meta.url)).find((url) => existsSync(url));
}

async function openInline(path: string): Promise<DebContents> {
  try {
    return await openDeb(readFileSync(path));
  } catch (error) {
    throw broken(path, isShaleError(error) ? error.code : 'DEB_MALFORMED', messageOf(error));
  }
}

function broken(path: string, code: string, why: string): ShaleError {
  return new ShaleError(code, `package ${path}: ${why}`, { data: { path } });
}

function tell(worker: Worker, message: ToWorker): void {
  worker.postMessage(message);
}

function giveBack(worker: Worker, buffer: ArrayBuffer): void {
  const message: ToWorker = { kind: 'used', buffer };
  worker.postMessage(message, [buffer]);
}

/** One package on its way from the thread to its reader. */
class Job {
  readonly path: string;
  readonly contents: Promise<DebContents>;
  readonly #resolve: (contents: DebContents) => void;
  readonly #reject: (error: Error) => void;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #state: 'open' | 'ended' | Error = 'open';
  #wake: (() => void) | undefined;

  constructor(path: string) {
    this.path = path;
    const { promise, resolve, reject } = Promise.withResolvers<DebContents>();
    this.contents = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(control: Uint8Array, used: (buffer: ArrayBuffer) => void): void {
    this.#resolve({ control, data: this.#read(used) });
  }

  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  finish(): void {
    this.#state = 'ended';
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#state = error;
    this.#reject(error);
    this.#wake?.();
  }

  async *#read(used: (buffer: ArrayBuffer) => void): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        used(chunk.buffer);
      } else if (this.#state === 'ended') return;
      else if (this.#state !== 'open') throw this.#state;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
