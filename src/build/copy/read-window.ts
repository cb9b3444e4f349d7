import { closeSync, openSync, readSync } from 'node:fs';
import type { FileRegion } from './file-region.ts';

const WINDOW_BYTES = 256 * 1024;
/** The largest file that is read with what lies behind it. */
const SMALL_BYTES_MAX: number = 32 * 1024;

/**
 * Reads files that lie in larger ones, as those of a layer lie in its tar. Small files that are asked for in their order
 * are read hundreds at a time, since to open the tar for each takes longer than to read it.
 */
export class ReadWindow {
  #window: Buffer | undefined;
  #path = '';
  #offset = 0;
  #filled = 0;
  #inUse = false;

  /** `sizeBytes` from `offset` of a file that nobody changes; fewer where it ends before. The system's errors are thrown. */
  open(path: string, offset: number, sizeBytes: number): FileRegion {
    if (sizeBytes > SMALL_BYTES_MAX || this.#inUse) {
      const fd = openSync(path, 'r');
      return { content: { kind: 'fd', fd, offset }, [Symbol.dispose]: () => closeSync(fd) };
    }
    const window = this.#moved(path, offset, sizeBytes);
    const at = offset - this.#offset;
    this.#inUse = true;
    return {
      content: { kind: 'bytes', bytes: window.subarray(at, Math.min(at + sizeBytes, this.#filled)) },
      [Symbol.dispose]: () => (this.#inUse = false),
    };
  }

  #moved(path: string, offset: number, sizeBytes: number): Buffer {
    const window = (this.#window ??= Buffer.allocUnsafeSlow(WINDOW_BYTES));
    const distance = path === this.#path ? offset - this.#offset : -1;
    if (distance >= 0 && distance + sizeBytes <= this.#filled) return window;
    const isNear = distance >= 0 && distance < WINDOW_BYTES;
    const wanted = isNear ? WINDOW_BYTES : sizeBytes;
    this.#filled = 0;
    const fd = openSync(path, 'r');
    try {
      while (this.#filled < wanted) {
        const got = readSync(fd, window, this.#filled, wanted - this.#filled, offset + this.#filled);
        if (got === 0) break;
        this.#filled += got;
      }
    } finally {
      closeSync(fd);
    }
    [this.#path, this.#offset] = [path, offset];
    return window;
  }
}
