/**
 * `npm run bundle`: what is published. `dist/shale.js` is the command line, with one lazily loaded chunk per command;
 * `dist/index.js` is the programmatic API. koffi stays outside: it carries native code.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { build, type BuildOptions } from 'esbuild';

/** Threads: each one file without chunks, since their start is on the way of every command that mounts. */
const threads: Record<string, string> = {
  'mount-worker': 'src/mounts/worker.ts',
  'unpack-worker': 'src/mounts/unpack-worker.ts',
};
const entries: Record<string, string> = { shale: 'src/cli/main.ts', index: 'src/engine/index.ts' };
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

rmSync('dist', { recursive: true, force: true });
const common = {
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  packages: 'bundle',
  external: ['koffi'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;
await build({ ...common, entryPoints: threads });
const result = await build({ ...common, entryPoints: present, splitting: true });
const total = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `dist: ${Object.keys(result.metafile.outputs).length} files, ${Math.round(total / 1000)} kB; ` +
    `start: ${Math.round(statSync('dist/shale.js').size / 1000)} kB`,
);
