import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A file of reference answers beside the repository; tests skip with `missing` when it is not there. */
export interface Corpus {
  readonly missing: string | false;
  /** The file as JSON. Its shape is the caller's knowledge of that file. */
  read<T>(): T;
  /** The file as JSON lines. */
  readLines<T>(): T[];
}

/** For tests: a file of `../shared/corpus/dockerfile` (or of where SHALE_SHARED points). */
export function readCorpus(name: string, folder = 'corpus/dockerfile'): Corpus {
  const path = join(process.env['SHALE_SHARED'] ?? join(import.meta.dirname, '../../../../shared'), folder, name);
  const text = (): string => (name.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path)).toString();
  return {
    missing: existsSync(path) ? false : `${folder}/${name} is not there (set SHALE_SHARED)`,
    read: <T>() => JSON.parse(text()) as T, // The corpus is ours; its README gives the shape.
    readLines: <T>() =>
      text()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as T), // As above.
  };
}
