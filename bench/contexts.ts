import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
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

/** Folders of equally many files of random text, from `bytesMin` to below `bytesMax` long. */
export interface TreeShape {
  readonly seed: string;
  readonly folders: number;
  readonly files: number;
  readonly bytesMin: number;
  readonly bytesMax: number;
}

/** The same files at every call; those that are there stay. */
export function writeTree(tree: string, { seed, folders, files, bytesMin, bytesMax }: TreeShape): void {
  if (existsSync(`${tree}.done`)) return;
  const random = pseudoRandom(seed);
  for (let i = 0; i < folders; i++) {
    const folder = join(tree, `d${String(i).padStart(3, '0')}`);
    mkdirSync(folder, { recursive: true });
    for (let j = 0; j < files; j++) {
      const size = bytesMin + (random.readUInt32LE() % (bytesMax - bytesMin));
      const text = random
        .bytes(Math.ceil(size * 0.75))
        .toString('base64')
        .slice(0, size);
      writeFileSync(join(folder, `f${String(j).padStart(3, '0')}.txt`), text);
    }
  }
  writeFileSync(`${tree}.done`, '');
}
