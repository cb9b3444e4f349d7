import { createGunzip } from 'node:zlib';
import { type ByteStream, giveBack, limitBytes } from '../base/index.ts';
import { bunzip2 } from './bunzip2.ts';
import { type Compression, SNIFF_BYTES, sniffCompression } from './sniff.ts';
import { unxz } from './unxz.ts';
import { unzstd } from './unzstd.ts';
import { ENGINE_CHUNK_BYTES, throughEngine } from './zlib-engine.ts';

export interface DecompressOptions {
  /** Most bytes to give out; LIMIT_EXCEEDED when more come. No limit by default. */
  readonly maxBytes?: number;
  /** Names the stream in the message of LIMIT_EXCEEDED. */
  readonly what?: string;
  /** A chunk holds good only until the next one is asked for: its memory is given back then, not when it is collected. */
  readonly isTransient?: boolean;
  /** The same of the chunks of the source: nobody else uses them. */
  readonly ownsSource?: boolean;
  readonly signal?: AbortSignal;
}

export interface Decompressed {
  /** The compression that was found. */
  readonly kind: Compression;
  /** The plain bytes; to be iterated once. Leaving the loop early closes the source. */
  readonly stream: ByteStream;
}

/** Input is gathered to this size before it goes through the thread pool. */
const INPUT_CHUNK_BYTES = 256 * 1024;

/**
 * Looks at the first bytes of a stream and takes its compression off; a stream of no known compression is passed on
 * as it is. All members, frames or streams of a file are read, and every checksum is verified, before the stream ends.
 *
 * The plain stream fails with COMPRESS_TRUNCATED, COMPRESS_CORRUPT, COMPRESS_UNSUPPORTED or LIMIT_EXCEEDED; what it
 * has given out until then is not to be trusted. After gzip and xz only zeros may follow; after zstd and bzip2 nothing.
 */
export async function decompress(source: ByteStream, options: DecompressOptions = {}): Promise<Decompressed> {
  const { start, stream } = await peek(source, SNIFF_BYTES, options.signal);
  const kind = sniffCompression(start);
  const { maxBytes, what = 'decompressed stream' } = options;
  const plain = decoded(kind, stream, options);
  return { kind, stream: maxBytes === undefined ? plain : limitBytes(plain, maxBytes, what) };
}

function decoded(
  kind: Compression,
  stream: ByteStream,
  { isTransient = false, ownsSource = false }: DecompressOptions,
): ByteStream {
  switch (kind) {
    case 'gzip':
      return throughEngine(createGunzip({ chunkSize: ENGINE_CHUNK_BYTES }), gathered(stream, ownsSource), {
        kind,
        isTransient,
      });
    case 'zstd':
      return unzstd(gathered(stream, ownsSource), isTransient);
    case 'bzip2':
      return bunzip2(stream);
    case 'xz':
      return unxz(stream);
    case 'none':
      return stream;
  }
}

/** Reads until `bytes` bytes are there, and gives a stream that starts with them again. */
async function peek(
  source: ByteStream,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly start: Uint8Array; readonly stream: ByteStream }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let seen = 0;
  try {
    while (seen < bytes) {
      signal?.throwIfAborted();
      const { done, value } = await iterator.next();
      if (done === true) break;
      chunks.push(value);
      seen += value.byteLength;
    }
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
  return { start: Buffer.concat(chunks), stream: replayed(chunks, iterator, signal) };
}

async function* replayed(
  chunks: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isDone = false;
  try {
    yield* chunks;
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await iterator.next();
      isDone = done === true;
      if (done === true) return;
      yield value;
    }
  } finally {
    if (!isDone) await iterator.return?.();
  }
}

/** The bytes of a stream in larger pieces, each of which holds good until the next one is asked for. */
async function* gathered(stream: ByteStream, ownsStream: boolean): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(INPUT_CHUNK_BYTES);
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.byteLength;) {
      const part = chunk.subarray(at, at + buffer.length - filled);
      buffer.set(part, filled);
      at += part.byteLength;
      filled += part.byteLength;
      if (filled < buffer.length) continue;
      yield buffer;
      filled = 0;
    }
    if (ownsStream) giveBack(chunk);
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
