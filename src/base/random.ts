import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/**
 * Random bytes for names and ids, from the kernel. Loading node:crypto takes four milliseconds, which is a tenth of a short
 * command: it is the way only where there is no /dev/urandom.
 */
export function randomOf(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  try {
    const fd = openSync('/dev/urandom', 'r');
    try {
      if (readSync(fd, bytes) === count) return bytes;
    } finally {
      closeSync(fd);
    }
  } catch {
    // A chroot without devices, or another system.
  }
  return randomBytes(count);
}
