/**
 * `npm run bundle`: what is published. `dist/shale.cjs` is the command line; what not every command needs lies in files
 * beside it (`bundle/parts.ts`). `dist/index.js` is the programmatic API, and each thread has a file; these stand alone.
 * CommonJS, since the loader of ES modules costs a start some milliseconds. koffi stays outside: it carries native code.
 * `dist/types` describes the API. An argument names another folder than `dist`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type InputOptions, type OutputChunk, type OutputOptions, rolldown } from 'rolldown';
import { lazyBuiltins } from './bundle/lazy-builtins.ts';
import { pageOfExplore } from './bundle/page.ts';
import { partsOf } from './bundle/parts.ts';
import { threadEntries, threadFiles } from './bundle/threads.ts';

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
for (const [name, file] of Object.entries({ index: 'src/engine/index.ts', ...threadEntries() }))
  await bundleAlone(name, file);
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

/** The declarations of the engine and of what its face names. */
function describeTypes(): void {
  const settings = ['--noEmit', 'false', '--emitDeclarationOnly', '--rootDir', 'src'];
  const args = ['-p', 'scripts/bundle/tsconfig.json', ...settings, '--outDir', join(outdir, 'types')];
  const { status, stdout, error } = spawnSync('node_modules/.bin/tsc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tsc failed: ${error?.message ?? stdout}`);
}

function sizeOf(file: string): number {
  return statSync(join(outdir, file)).size;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
