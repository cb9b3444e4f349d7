import { createHash } from 'node:crypto';
import { invariant } from '../base/index.ts';
import { crc32c, SUPER, SUPER_CHECKSUM_BYTES, SUPER_OFFSET } from './format.ts';
import { uuidOf } from './uuid.ts';

/** Takes the bytes of an image as they are made. */
export interface ImageSink {
  /** The next bytes; they are good until this returns. */
  write(bytes: Uint8Array): void;
  /** Writes over bytes that were written before: those near the beginning that depend on all others. */
  patch(offset: number, bytes: Uint8Array): void;
}

/** An image in memory. */
export class ImageBuffer implements ImageSink {
  readonly #parts: Buffer[] = [];
  #image: Buffer | undefined;

  write(bytes: Uint8Array): void {
    this.#parts.push(Buffer.from(bytes));
  }

  patch(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }

  /** All of it, once it is complete. */
  get bytes(): Buffer {
    this.#image ??= Buffer.concat(this.#parts);
    return this.#image;
  }
}

const WINDOW_BYTES = 64 * 1024;
const HEAD_BYTES: number = SUPER_OFFSET + SUPER_CHECKSUM_BYTES;
const UUID_AT: number = SUPER_OFFSET + SUPER.uuid;

/**
 * The bytes of an image on their way out, in the order of their places: a window in which what lies next is written. What
 * nobody writes is zeros.
 */
export class ImageStream {
  readonly #sink: ImageSink;
  readonly #hash = createHash('sha256');
  /** The first bytes, which hold the superblock. */
  readonly #head: Buffer = Buffer.alloc(HEAD_BYTES);
  #window: Buffer = Buffer.alloc(WINDOW_BYTES);
  /** The same bytes; its setters are several times faster than those of Buffer. */
  #view: DataView = viewOf(this.#window);
  /** Where the window begins in the image, */
  #base = 0;
  /** and where the next bytes lie. */
  #next = 0;

  constructor(sink: ImageSink) {
    this.#sink = sink;
  }

  /** The window, in which `place` says where to write; another one after the next `place`. */
  get bytes(): Buffer {
    return this.#window;
  }
  get view(): DataView {
    return this.#view;
  }

  /** Where in the window the bytes at an offset of the image lie; never before what was asked for earlier. */
  place(offset: number, sizeBytes: number): number {
    invariant(offset >= this.#next, 'an image is written from its beginning to its end');
    if (offset + sizeBytes > this.#base + this.#window.length) this.#moveTo(offset, sizeBytes);
    this.#next = offset + sizeBytes;
    return offset - this.#base;
  }

  /** Writes the rest of an image of this size, and its UUID and checksum. Returns the UUID. */
  finish(sizeBytes: number): Buffer {
    this.#moveTo(sizeBytes, 0);
    const uuid = uuidOf(this.#hash);
    uuid.copy(this.#head, UUID_AT);
    this.#head.writeUInt32LE(crc32c(this.#head.subarray(SUPER_OFFSET)), SUPER_OFFSET + SUPER.checksum);
    this.#sink.patch(0, this.#head.subarray(0, Math.min(HEAD_BYTES, sizeBytes)));
    return uuid;
  }

  /** Gives out all before an offset; the window begins there. */
  #moveTo(offset: number, sizeBytes: number): void {
    while (this.#base < offset) {
      const part = this.#window.subarray(0, Math.min(offset - this.#base, this.#window.length));
      if (this.#base < HEAD_BYTES) part.copy(this.#head, this.#base);
      this.#hash.update(part);
      this.#sink.write(part);
      this.#base += part.length;
      part.fill(0);
    }
    if (sizeBytes <= this.#window.length) return;
    this.#window = Buffer.alloc(sizeBytes);
    this.#view = viewOf(this.#window);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
