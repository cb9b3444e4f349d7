/**
 * The limit of COPY: walk a directory, read every file, sha256 over all of it, one write of the same bytes,
 * synced. Arguments: the
 * directory, the file to write.
 */
import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, lstatSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';

const [directory = '', target = ''] = process.argv.slice(2);
const BUFFER_BYTES = 1024 * 1024;
const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
const hash = createHash('sha256');
const out = openSync(target, 'w');
let filled = 0;
walk(directory);
flush();
fdatasyncSync(out);
closeSync(out);
hash.digest();

function walk(path: string): void {
  for (const name of readdirSync(path).toSorted()) {
    const child = `${path}/${name}`;
    if (lstatSync(child).isDirectory()) walk(child);
    else read(child);
  }
}

function read(path: string): void {
  const file = openSync(path, 'r');
  for (;;) {
    if (filled === BUFFER_BYTES) flush();
    const got = readSync(file, buffer, filled, BUFFER_BYTES - filled, null);
    if (got === 0) break;
    filled += got;
  }
  closeSync(file);
}

function flush(): void {
  const ready = buffer.subarray(0, filled);
  hash.update(ready);
  writeSync(out, ready);
  filled = 0;
}
