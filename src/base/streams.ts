import { createHash } from 'node:crypto';
import { ShaleError } from './errors.ts';

/** A stream of bytes. Node and web streams appear only where an API of theirs wants them. */
export type ByteStream = AsyncIterable<Uint8Array>;

/**
 * Reads a whole stream into memory.
 * @throws LIMIT_EXCEEDED when it is longer than `maxBytes`; `what` names the thing that was read.
 */
export async function collect(stream: ByteStream, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of limitBytes(stream, maxBytes, what)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Passes a stream on and fails with LIMIT_EXCEEDED as soon as more than `maxBytes` have come. */
export async function* limitBytes(stream: ByteStream, maxBytes: number, what: string): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.byteLength;
    if (seen > maxBytes) {
      throw new ShaleError('LIMIT_EXCEEDED', `${what} is longer than ${maxBytes} bytes`, { data: { what, maxBytes } });
    }
    yield chunk;
  }
}

/** Passes a stream on and calls `done` with the sha256 (64 hex digits) and the size in bytes at its end. */
export async function* tapSha256(
  stream: ByteStream,
  done: (hex: string, sizeBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    size += chunk.byteLength;
    yield chunk;
  }
  done(hash.digest('hex'), size);
}

/** Smaller buffers are collected with the rest. */
const GIVEN_BACK_MIN_BYTES = 16 * 1024;

/**
 * Frees the buffer of a chunk when its end is reached: what came before in it was looked at already, and nobody looks again.
 * Left to the collector, megabytes of buffers a second make it run all the time.
 */
export function giveBack(chunk: Uint8Array): void {
  if (chunk.byteOffset + chunk.byteLength === chunk.buffer.byteLength) giveBackWhole(chunk);
}

/** Frees the buffer of a chunk that nobody looks at again, wherever in it the chunk lies. */
export function giveBackWhole({ buffer }: Uint8Array): void {
  // Buffers of the size of Node's pool may be that, which everybody has parts of.
  const isOwn = buffer.byteLength >= GIVEN_BACK_MIN_BYTES && buffer.byteLength !== Buffer.poolSize;
  if (isOwn && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** A stream of what is already in memory. */
export async function* streamOf(...chunks: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}
