/** The limit of a COPY of which nothing has changed: one lstat for every file. Argument: the directory. */
import { lstatSync, readdirSync } from 'node:fs';

walk(process.argv[2] ?? '');

function walk(path: string): void {
  for (const name of readdirSync(path)) if (lstatSync(`${path}/${name}`).isDirectory()) walk(`${path}/${name}`);
}
