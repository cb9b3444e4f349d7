/**
 * `npm run bundle`: what is published. `dist/shale.cjs` is the command line; what not every command needs lies in files
 * beside it (`bundle/parts.ts`). `dist/index.js` is the programmatic API, and each thread has a file; these stand alone.
 * CommonJS, since the loader of ES modules costs a start some milliseconds. koffi stays outside: it carries native code.
 * `dist/types` describes the API. An argument names another folder than `dist`.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type InputOptions, type OutputChunk, type OutputOptions, type Plugin, rolldown } from 'rolldown';
import { lazyBuiltins } from './bundle/lazy-builtins.ts';
import { pageOfExplore } from './bundle/page.ts';
import { partsOf } from './bundle/parts.ts';

/** `new URL('./name.ts', import.meta.url)`: the file of a thread, which becomes an entry of its own. */
const THREAD = /new URL\('(\.\/[\w-]+)\.ts', import\.meta\.url\)/g;

const outdir = process.argv[2] ?? 'dist';

const input = {
  platform: 'node',
  external: ['koffi'],
  plugins: [threadFiles(), pageOfExplore(), lazyBuiltins()],
  treeshake: { moduleSideEffects: false },
  preserveEntrySignatures: 'allow-extension',
  // A face that one folder imports at once is also imported late by others: nothing to mend.
  checks: { ineffectiveDynamicImport: false },
} satisfies InputOptions;

const output = {
  dir: outdir,
  // Names and statements stay: a stack trace of a user must be readable.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  comments: { legal: true },
} satisfies OutputOptions;

rmSync(outdir, { recursive: true, force: true });
await bundleCommandLine();
for (const [name, file] of Object.entries(standAlone())) await bundleAlone(name, file);
describeTypes();
const files = readdirSync(outdir).filter((file) => /\.c?js$/.test(file));
const total = files.reduce((sum, file) => sum + sizeOf(file), 0);
const start = `start: ${kilobytes(sizeOf('shale.cjs') + sizeOf('start.cjs'))}`;
console.log(`${outdir}: ${files.length} files, ${kilobytes(total)}; ${start}`);

/** Twice: where to cut is seen from how the bundler cuts by itself. */
async function bundleCommandLine(): Promise<void> {
  await using bundle = await rolldown({ ...input, input: { shale: 'src/cli/main.ts' } });
  const settings = {
    ...output,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
  } satisfies OutputOptions;
  const uncut = await bundle.generate(settings);
  const name = partsOf(uncut.output.filter((file): file is OutputChunk => file.type === 'chunk'));
  await bundle.write({
    ...settings,
    codeSplitting: { includeDependenciesRecursively: false, groups: [{ name, debugName: 'parts' }] },
  });
}

async function bundleAlone(name: string, file: string): Promise<void> {
  await using bundle = await rolldown({ ...input, input: { [name]: file } });
  await bundle.write({ ...output, format: 'esm', entryFileNames: '[name].js', codeSplitting: false });
}

/** Points the code that starts a thread at its file in the bundle. */
function threadFiles(): Plugin {
  return {
    name: 'files of threads',
    transform: {
      filter: { id: /\/src\/.*\.ts$/, code: THREAD },
      handler: (code) => code.replaceAll(THREAD, "new URL('$1.js', import.meta.url)"),
    },
  };
}

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

function sizeOf(file: string): number {
  return statSync(join(outdir, file)).size;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
