import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { ShaleError } from '../base/index.ts';
import type { EndedMessage, HostCarrier } from './host-carrier.ts';
import type { HostMessage, Numbered, ReplyValues, Request } from './protocol.ts';
import { fromWire } from './wire-errors.ts';

interface Waiting {
  readonly resolve: (value: ReplyValues[Request['kind']]) => void;
  readonly reject: (error: unknown) => void;
}

/** Main's end of the messages: sends requests, matches replies. Carried by a worker thread. */
export class HostThread implements HostCarrier {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEnded: (message: EndedMessage) => void;
  readonly #exited: Promise<void>;
  #failure: unknown;
  #count = 0;
  #held = 0;

  /** `onEnded` hears of every spawned program that has ended. */
  static async start(onEnded: (message: EndedMessage) => void): Promise<HostThread> {
    // libuv starts the threads of its pool at the first use, in the namespaces of whoever that is: it must not be the
    // worker after its unshare.
    await stat('/');
    return new HostThread(onEnded);
  }

  private constructor(onEnded: (message: EndedMessage) => void) {
    this.#onEnded = onEnded;
    // Descriptors are handed to main, so the worker must not close them when it ends.
    this.#worker = new Worker(workerFile(), { trackUnmanagedFds: false, name: 'shale mounts', argv: [] });
    this.#worker.unref();
    this.#worker.on('message', (message: HostMessage) => this.#receive(message));
    this.#worker.on('error', (error) => {
      this.#failure = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#closeWaiting();
        resolve();
      });
    });
  }

  async ask<K extends Request['kind']>(request: Extract<Request, { readonly kind: K }>): Promise<ReplyValues[K]> {
    const number = this.#count++;
    const waiting = new Promise<ReplyValues[Request['kind']]>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
    });
    if (this.#failure !== undefined) this.#closeWaiting();
    this.hold();
    try {
      this.#worker.postMessage({ number, request } satisfies Numbered);
      const value = await waiting;
      return value as ReplyValues[K]; // The protocol answers a request of kind K with a value of kind K.
    } finally {
      this.letGo();
    }
  }

  hold(): void {
    if (this.#held++ === 0) this.#worker.ref();
  }

  letGo(): void {
    if (--this.#held === 0) this.#worker.unref();
  }

  async close(): Promise<void> {
    this.hold();
    try {
      if (this.#failure === undefined) await this.ask({ kind: 'close' }).catch(() => this.#worker.terminate());
      await this.#exited;
    } finally {
      this.letGo();
    }
  }

  #receive(message: HostMessage): void {
    if (message.kind === 'ended') {
      this.#onEnded(message);
      return;
    }
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    if (message.kind === 'reply') waiting?.resolve(message.value);
    else waiting?.reject(fromWire(message.error));
  }

  #closeWaiting(): void {
    this.#failure ??= new Error('closed');
    for (const { reject } of this.#waiting.values()) {
      reject(new ShaleError('MOUNT_HOST_CLOSED', 'the mount host has ended', { cause: this.#failure }));
    }
    this.#waiting.clear();
  }
}

/** `worker.ts` beside this file; in a bundle `mount-worker.js` at its top, which chunks see one folder above. */
function workerFile(): URL {
  const candidates = ['./worker.ts', './mount-worker.js', '../mount-worker.js'];
  const found = candidates.map((name) => new URL(name, import.meta.url)).find((url) => existsSync(url));
  if (found === undefined) throw new ShaleError('MOUNT_HOST', 'the file of the mount host is not part of this build');
  return found;
}
