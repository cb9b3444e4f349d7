/**
 * `npm run bundle`: what is published. `dist/shale.js` is the command line; it loads the engine, a file of its own, when
 * a command needs it. `dist/index.js` is the programmatic API, and each thread has a file; these stand alone. koffi
 * stays outside: it carries native code. `dist/types` describes the API. An argument names another folder than `dist`.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { lazyBuiltins } from './bundle/lazy-builtins.ts';

/** `new URL('./name.ts', import.meta.url)`: the file of a thread, which becomes an entry of its own. */
const THREAD = /new URL\('(\.\/[\w-]+)\.ts', import\.meta\.url\)/g;

/** Points the code that starts a thread at its file in the bundle. */
const threads: Plugin = {
  name: 'threads',
  setup: (setup) => {
    setup.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (text.search(THREAD) === -1) return undefined;
      return { contents: text.replaceAll(THREAD, "new URL('$1.js', import.meta.url)"), loader: 'ts' };
    });
  },
};

/**
 * Every file costs a start a millisecond, and code that is not run next to nothing: the commands, which a checkout loads
 * one by one, go into the file of the command line. The engine stays apart, so that `shale help` does not read it.
 */
const oneCommandLine: Plugin = {
  name: 'one file for the command line',
  setup: (setup) => {
    setup.onLoad({ filter: /\/src\/cli\/.*\.ts$/ }, ({ path }) => {
      const imports: string[] = [];
      const text = readFileSync(path, 'utf8').replaceAll(
        /\bimport\((['"]\.[^'"]+\.ts['"])\)/g,
        (all: string, specifier: string) => {
          if (specifier.includes('/open-engine.ts')) return all;
          imports.push(`import * as lazy${imports.length} from ${specifier};\n`);
          return `Promise.resolve(lazy${imports.length - 1})`;
        },
      );
      return imports.length === 0 ? undefined : { contents: imports.join('') + text, loader: 'ts' };
    });
  },
};

const outdir = process.argv[2] ?? 'dist';
const common = {
  outdir,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['koffi'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;

rmSync(outdir, { recursive: true, force: true });
const results = [
  await build({
    ...common,
    entryPoints: { shale: 'src/cli/main.ts' },
    splitting: true,
    chunkNames: '[name]-[hash]',
    plugins: [oneCommandLine, threads, lazyBuiltins()],
  }),
  await build({ ...common, entryPoints: standAlone(), plugins: [threads, lazyBuiltins()] }),
];
describeTypes();
const outputs = results.flatMap((result) => Object.values(result.metafile.outputs));
const total = outputs.reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `${outdir}: ${outputs.length} files, ${kilobytes(total)}; start: ${kilobytes(statSync(join(outdir, 'shale.js')).size)}`,
);

/** The declarations of the engine and of what its face names. */
function describeTypes(): void {
  const settings = ['--noEmit', 'false', '--emitDeclarationOnly', '--rootDir', 'src'];
  const args = ['-p', 'scripts/bundle/tsconfig.json', ...settings, '--outDir', join(outdir, 'types')];
  const { status, stdout, error } = spawnSync('node_modules/.bin/tsc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tsc failed: ${error?.message ?? stdout}`);
}

function standAlone(): Record<string, string> {
  const entries: Record<string, string> = {
    index: 'src/engine/index.ts',
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

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
