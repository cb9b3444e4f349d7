import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Plugin } from 'rolldown';

/** `new URL('./name.ts', import.meta.url)`: the file of a thread, which becomes an entry of its own. */
const THREAD = /new URL\('(\.\/[\w-]+)\.ts', import\.meta\.url\)/g;

/** The files of all threads, by their names in a bundle. */
export function threadEntries(): Record<string, string> {
  const entries: Record<string, string> = {
    'mount-worker': 'src/mounts/worker.ts',
    'unpack-worker': 'src/mounts/unpack-worker.ts',
    'deb-worker': 'src/bases/debian/deb-worker.ts',
  };
  for (const file of globSync('src/**/*.ts').filter((one) => !/\.(test|fixture|contract)\.ts$/.test(one))) {
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(THREAD)) {
      entries[basename(name)] = `${join(dirname(file), name)}.ts`;
    }
  }
  return entries;
}

/** Points the code that starts a thread at its file in the bundle. */
export function threadFiles(): Plugin {
  return {
    name: 'files of threads',
    transform: {
      filter: { id: /\/src\/.*\.ts$/, code: THREAD },
      handler: (code) => code.replaceAll(THREAD, "new URL('$1.js', import.meta.url)"),
    },
  };
}
