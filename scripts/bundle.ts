/**
 * `npm run bundle`: what is published. `dist/shale.cjs` is the command line with all that it can come to need, as one script:
 * each further file costs a start a millisecond, and so does the loader of ES modules. `dist/index.js` is the programmatic API, and each thread has a file; these stand
 * alone. koffi stays outside: it carries native code. `dist/types` describes the API. An argument names another folder
 * than `dist`.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { lazyBuiltins } from './bundle/lazy-builtins.ts';

/** `new URL('./name.ts', import.meta.url)`: the file of a thread, which becomes an entry of its own. */
const THREAD = /new URL\('(\.\/[\w-]+)\.ts', import\.meta\.url\)/g;

/** Points the code that starts a thread at its file in the bundle. */
const threadFiles = (text: string): string => text.replaceAll(THREAD, "new URL('$1.js', import.meta.url)");

/**
 * What a checkout imports when it is needed is there from the start in one file: the bundler would wrap each module that is
 * imported late, and the wrappers cost a start more than evaluating all modules does.
 */
function importAtOnce(text: string): string {
  const imports: string[] = [];
  const body = text.replaceAll(/\bimport\((['"]\.[^'"]+\.ts['"])\)/g, (_, specifier: string) => {
    imports.push(`import * as late${imports.length} from ${specifier};\n`);
    return `Promise.resolve(late${imports.length - 1})`;
  });
  return imports.join('') + body;
}

/** Reads our own files through a rewriting. */
function rewriting(rewrite: (text: string) => string): Plugin {
  return {
    name: 'rewriting',
    setup: (setup) => {
      setup.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
        contents: rewrite(readFileSync(path, 'utf8')),
        loader: 'ts',
      }));
    },
  };
}

const outdir = process.argv[2] ?? 'dist';
const common = {
  outdir,
  bundle: true,
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
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    plugins: [rewriting((text) => importAtOnce(threadFiles(text))), lazyBuiltins()],
  }),
  await build({
    ...common,
    format: 'esm',
    entryPoints: standAlone(),
    plugins: [rewriting(threadFiles), lazyBuiltins()],
  }),
];
describeTypes();
const outputs = results.flatMap((result) => Object.values(result.metafile.outputs));
const total = outputs.reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `${outdir}: ${outputs.length} files, ${kilobytes(total)}; command line: ${kilobytes(statSync(join(outdir, 'shale.cjs')).size)}`,
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
