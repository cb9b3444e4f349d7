import { giveBack, type ByteStream } from '../base/index.ts';
import type { Transform } from 'node:stream';
import { corrupt, fromZlib } from './compression-errors.ts';

/** What the decoders of node:zlib have beside being streams. */
export interface ZlibEngine extends Transform {
  /** Bytes that the engine has taken from its input. */
  readonly bytesWritten: number;
}

/** Output buffer of an engine. Large, since every filled buffer costs a round through the thread pool. */
export const ENGINE_CHUNK_BYTES: number = 1024 * 1024;

export interface EngineUse {
  /** Of the compression, for messages. */
  readonly kind: string;
  /** See `DecompressOptions`. */
  readonly isTransient: boolean;
}

/**
 * Leads a stream through a decoder of node:zlib. The decoder works on libuv's pool while the caller handles the
 * chunk before. Bytes behind the compressed stream may only be zeros.
 */
export async function* throughEngine(
  engine: ZlibEngine,
  input: ByteStream,
  { kind, isTransient }: EngineUse,
): AsyncGenerator<Uint8Array, void, undefined> {
  const feeder = new Feeder(engine, input);
  const feeding = feeder.run();
  try {
    for await (const chunk of engine) {
      yield chunk;
      // With a buffer that has room the engine goes on.
      if (isTransient) giveBack(chunk);
    }
    feeder.wake();
    await feeding;
    await feeder.checkTail(kind);
  } catch (error) {
    throw fromZlib(kind, error);
  } finally {
    engine.destroy();
    feeder.wake();
    await feeding;
    await feeder.close();
  }
}

class Feeder {
  readonly #engine: ZlibEngine;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #isDone = false;
  #fedBytes = 0;
  #current: Uint8Array = new Uint8Array(0);
  #wake: () => void = () => {};

  constructor(engine: ZlibEngine, input: ByteStream) {
    this.#engine = engine;
    this.#iterator = input[Symbol.asyncIterator]();
  }

  /** Lets {@link run} look again whether the engine still wants more; it does not say so itself when it stops early. */
  wake(): void {
    this.#wake();
  }

  /** Writes until the input or the engine ends. Never rejects: an error of the input is the engine's. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#iterator.next();
        if (done === true) {
          this.#isDone = true;
          this.#engine.end();
          return;
        }
        this.#fedBytes += value.byteLength;
        this.#current = value;
        if (this.#hasStopped()) return;
        await this.#write(value);
        if (this.#hasStopped()) return;
      }
    } catch (error) {
      this.#isDone = true;
      this.#engine.destroy(error instanceof Error ? error : new Error(String(error), { cause: error }));
    }
  }

  #hasStopped(): boolean {
    return this.#engine.destroyed || this.#engine.readableEnded;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#engine.write(chunk, () => resolve());
    await promise;
  }

  /** After the engine's end: what it left over must be zeros, as padding to some block is. */
  async checkTail(kind: string): Promise<void> {
    let tail = this.#current.subarray(this.#current.byteLength - (this.#fedBytes - this.#engine.bytesWritten));
    for (;;) {
      if (tail.some((byte) => byte !== 0)) throw corrupt(kind, 'bytes after its end are neither a stream nor zeros');
      if (this.#isDone) return;
      const { done, value } = await this.#iterator.next();
      this.#isDone = done === true;
      tail = value ?? tail;
    }
  }

  async close(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await this.#iterator.return?.();
  }
}
