import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';

/**
 * Copies a folder as another checkout might have it: modes and links are the same, times are of now, and files are made in
 * the reverse order of their names, so that directories list them otherwise. Sockets and devices are left out, as contexts
 * have none.
 */
export function copyContext(from: string, to: string): void {
  copyDirectory(Buffer.from(from), Buffer.from(to), new Map());
}

function copyDirectory(from: Buffer, to: Buffer, linked: Map<string, Buffer>): void {
  mkdirSync(to, { recursive: true });
  const names = readdirSync(from, { encoding: 'buffer' }).toSorted((a, b) => Buffer.compare(b, a));
  for (const name of names) {
    const [source, target] = [join(from, name), join(to, name)];
    const stat = lstatSync(source);
    if (stat.isDirectory()) copyDirectory(source, target, linked);
    else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(source, { encoding: 'buffer' }), target);
    else if (stat.isFile()) {
      const key = `${stat.dev}:${stat.ino}`;
      const first = stat.nlink > 1 ? linked.get(key) : undefined;
      if (first !== undefined) linkSync(first, target);
      else {
        copyFileSync(source, target);
        chmodSync(target, stat.mode & 0o7777);
        linked.set(key, target);
      }
    }
  }
  chmodSync(to, lstatSync(from).mode & 0o7777);
}

function join(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name]);
}
