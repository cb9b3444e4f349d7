import type { ByteStream } from '../base/index.ts';
import { truncated } from './compression-errors.ts';

/** A stream as a row of bytes that can be looked at ahead, for decoders that read structures rather than chunks. */
export class InputWindow implements AsyncDisposable {
  /** The bytes that have been read; those from `at` on are not yet taken. Replaced by {@link fill}. */
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #kind: string;
  #hasEnded = false;

  constructor(stream: ByteStream, kind: string) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#kind = kind;
  }

  /** How many bytes are there to be taken. */
  get available(): number {
    return this.bytes.length - this.at;
  }

  /** True when the stream has no bytes behind those that are there. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Reads until `count` bytes are available or the stream ends; says whether they are. */
  async fill(count: number): Promise<boolean> {
    if (this.available >= count || this.#hasEnded) return this.available >= count;
    const chunks: Uint8Array[] = [this.bytes.subarray(this.at)];
    let available = this.available;
    while (available < count) {
      const { done, value } = await this.#iterator.next();
      if (done === true) {
        this.#hasEnded = true;
        break;
      }
      chunks.push(value);
      available += value.byteLength;
    }
    this.bytes = Buffer.concat(chunks);
    this.at = 0;
    return available >= count;
  }

  /** Takes the next `count` bytes; a view that is good until the next read. */
  async take(count: number): Promise<Buffer> {
    if (!(await this.fill(count))) throw truncated(this.#kind);
    const taken = this.bytes.subarray(this.at, this.at + count);
    this.at += count;
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#iterator.return?.();
  }
}
