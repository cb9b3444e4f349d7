import { constants, createZstdDecompress } from 'node:zlib';
import type { ByteStream } from '../base/index.ts';
import { corrupt, truncated, unsupported } from './compression-errors.ts';
import { ENGINE_CHUNK_BYTES, throughEngine } from './zlib-engine.ts';

/** Largest window that is accepted, as a power of two: 128 MiB, as in the zstd program. */
export const ZSTD_WINDOW_LOG_MAX = 27;

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const HEADER_BYTES_MAX = 18;

/** The decoded bytes of a series of zstd frames; skippable frames are left out. */
export async function* unzstd(input: ByteStream, isTransient: boolean): AsyncGenerator<Uint8Array, void, undefined> {
  const engine = createZstdDecompress({
    chunkSize: ENGINE_CHUNK_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
  const frames = zstdFrames(input);
  const first = await frames.next();
  // The engine calls it truncated when nothing at all comes.
  if (first.done === true) return;
  yield* throughEngine(engine, resumed(first.value, frames), { kind: 'zstd', isTransient });
}

async function* resumed(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/**
 * Cuts a zstd stream so that no chunk holds bytes of two frames, and takes skippable frames out: node's decoder stops
 * after the first frame of a chunk without a word. RFC 8878 section 3.1.
 */
async function* zstdFrames(input: ByteStream): AsyncGenerator<Uint8Array> {
  const walker = new FrameWalker();
  for await (const chunk of input) {
    let at = 0;
    while (at < chunk.byteLength) {
      const { taken, keep } = walker.step(chunk, at);
      if (keep !== undefined) yield keep;
      at += taken;
    }
  }
  if (!walker.isBetweenFrames) throw truncated('zstd');
}

interface Step {
  /** Bytes of the chunk that were looked at. */
  readonly taken: number;
  /** Bytes for the decoder. */
  readonly keep: Uint8Array | undefined;
}

type WalkerState = 'magic' | 'skip-size' | 'skip' | 'frame-header' | 'block-header' | 'block' | 'checksum';

/** Follows the lengths of frames and blocks without decoding them. */
class FrameWalker {
  #state: WalkerState = 'magic';
  /** Bytes of a header that may be cut by the end of a chunk. */
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES_MAX);
  #filled = 0;
  #wanted = 4;
  #skipLeft = 0;
  #hasChecksum = false;
  #isLastBlock = false;

  get isBetweenFrames(): boolean {
    return this.#state === 'magic' && this.#filled === 0;
  }

  /** Looks at bytes from `at` on, at most to the end of the frame. */
  step(chunk: Uint8Array, at: number): Step {
    if (this.#state === 'skip') {
      const taken = Math.min(this.#skipLeft, chunk.byteLength - at);
      this.#skipLeft -= taken;
      if (this.#skipLeft === 0) this.#expect('magic', 4);
      return { taken, keep: undefined };
    }
    return this.#state === 'magic' || this.#state === 'skip-size'
      ? this.#stepOutside(chunk, at)
      : this.#stepFrame(chunk, at);
  }

  #stepOutside(chunk: Uint8Array, at: number): Step {
    const end = this.#gather(chunk, at);
    let keep: Uint8Array | undefined;
    if (this.#filled === this.#wanted) keep = this.#state === 'magic' ? this.#takeMagic() : this.#takeSkipSize();
    return { taken: end - at, keep };
  }

  #takeMagic(): Uint8Array | undefined {
    const magic = this.#header.readUInt32LE(0);
    if (magic === MAGIC) {
      this.#expect('frame-header', 1);
      return Buffer.from(this.#header.subarray(0, 4));
    }
    if ((magic & 0xfffffff0) >>> 0 !== SKIPPABLE_MAGIC) throw corrupt('zstd', 'no frame where one should start');
    this.#expect('skip-size', 4);
    return undefined;
  }

  #takeSkipSize(): undefined {
    this.#skipLeft = this.#header.readUInt32LE(0);
    if (this.#skipLeft === 0) this.#expect('magic', 4);
    else this.#state = 'skip';
  }

  /** Walks on inside a frame; everything up to its end, or the end of the chunk, is for the decoder. */
  #stepFrame(chunk: Uint8Array, start: number): Step {
    let at = start;
    while (at < chunk.byteLength && this.#state !== 'magic') {
      if (this.#state === 'block') {
        const taken = Math.min(this.#skipLeft, chunk.byteLength - at);
        this.#skipLeft -= taken;
        at += taken;
        if (this.#skipLeft === 0) this.#blockEnded();
        continue;
      }
      at = this.#gather(chunk, at);
      if (this.#filled < this.#wanted) break;
      if (this.#state === 'frame-header') this.#takeFrameHeader();
      else if (this.#state === 'block-header') this.#takeBlockHeader();
      else this.#expect('magic', 4);
    }
    return { taken: at - start, keep: chunk.subarray(start, at) };
  }

  #takeFrameHeader(): void {
    const descriptor = this.#header[0] ?? 0;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const windowBytes = isSingleSegment ? 0 : 1;
    const headerBytes = 1 + windowBytes + dictionaryBytes + sizeBytes;
    if (this.#wanted < headerBytes) {
      this.#wanted = headerBytes;
      if (this.#filled < headerBytes) return;
    }
    const dictionary = dictionaryBytes === 0 ? 0 : this.#header.readUIntLE(1 + windowBytes, dictionaryBytes);
    if (dictionary !== 0) throw unsupported('zstd', `needs dictionary ${dictionary}`);
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#expect('block-header', 3);
  }

  #takeBlockHeader(): void {
    const header = this.#header.readUIntLE(0, 3);
    const type = (header >> 1) & 3;
    if (type === 3) throw corrupt('zstd', 'block of the reserved type');
    this.#isLastBlock = (header & 1) !== 0;
    // A run of one byte (type 1) says how often it is repeated.
    this.#skipLeft = type === 1 ? 1 : header >> 3;
    if (this.#skipLeft === 0) this.#blockEnded();
    else this.#state = 'block';
  }

  #blockEnded(): void {
    if (!this.#isLastBlock) this.#expect('block-header', 3);
    else if (this.#hasChecksum) this.#expect('checksum', 4);
    else this.#expect('magic', 4);
  }

  #expect(state: WalkerState, headerBytes: number): void {
    this.#state = state;
    this.#filled = 0;
    this.#wanted = headerBytes;
  }

  /** Copies header bytes until all that are wanted are there; returns where they end in the chunk. */
  #gather(chunk: Uint8Array, at: number): number {
    const end = Math.min(at + this.#wanted - this.#filled, chunk.byteLength);
    for (let i = at; i < end; i++) this.#header[this.#filled++] = chunk[i] ?? 0;
    return end;
  }
}
