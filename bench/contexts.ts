import { createCipheriv, createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes a build context; files that are not named stay. */
export function writeContext(folder: string, name: string, files: Readonly<Record<string, string>>): string {
  const context = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, path)), { recursive: true });
    writeFileSync(join(context, path), text);
  }
  return context;
}

export interface PseudoRandom {
  bytes(count: number): Buffer;
  readUInt32LE(): number;
}

/** The same bytes for the same seed, which do not compress. */
export function pseudoRandom(seed: string): PseudoRandom {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const bytes = (count: number): Buffer => cipher.update(Buffer.alloc(count));
  return { bytes, readUInt32LE: () => bytes(4).readUInt32LE() };
}
