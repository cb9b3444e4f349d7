import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isShaleError, messageOf, ShaleError, type ByteString } from '../../base/index.ts';
import { parseDockerfile } from '../../dockerfile/index.ts';
import type { Engine } from '../../engine/index.ts';
import { measuredBuild, proposeIgnore } from '../../lint/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { humanSize } from '../output/human.ts';
import { UsageError } from '../usage-error.ts';
import type { LintedFile } from './lint-fix.ts';

/**
 * The files with what their last builds have shown. Where there is no store, or none that can be read, none is made.
 * `traces`: files of `run --trace-files`, for one Dockerfile.
 * @throws USAGE, LINT_NO_BUILD and TRACE_FOREIGN of traces that cannot be used
 */
export async function withLastBuilds(
  context: Context,
  files: readonly LintedFile[],
  traces: readonly string[] = [],
): Promise<readonly LintedFile[]> {
  const opened = await openedFiles(context, files, traces);
  const engine = await storeIfThere(context);
  const known: LintedFile[] = [];
  for (const file of files) {
    const measure = await engine?.measureBuild(file.bytes, opened);
    if (measure === undefined && opened !== undefined) throw noBuild(file);
    const measured = measure && measuredBuild(parseDockerfile(file.bytes, file.file), measure);
    known.push(measured === undefined ? file : { ...file, options: { ...file.options, measured } });
  }
  return known;
}

/** What the traces name, together. */
async function openedFiles(
  { cwd }: Context,
  files: readonly LintedFile[],
  traces: readonly string[],
): Promise<readonly ByteString[] | undefined> {
  if (traces.length === 0) return undefined;
  if (files.length > 1) throw new UsageError('--trace is about one Dockerfile');
  // Lint without a store needs nothing of the engine.
  const { FILE_TRACE_MAX_BYTES, parseFileTrace } = await import('../../engine/index.ts');
  return traces.flatMap((name) => parseFileTrace(readTrace(resolve(cwd, name), name, FILE_TRACE_MAX_BYTES), name));
}

function readTrace(path: string, name: string, maxBytes: number): Uint8Array {
  try {
    if (statSync(path).size <= maxBytes) return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read --trace ${name}: ${messageOf(error)}`);
  }
  throw new UsageError(`--trace ${name} has more than ${maxBytes} bytes`);
}

function noBuild({ file }: LintedFile, from = ''): ShaleError {
  return new ShaleError('LINT_NO_BUILD', `there is no record of a build of ${file} as it is now${from}`, {
    hint: 'build it once; then shale knows what it takes',
  });
}

/** The engine, where something has been built with it before. */
async function storeIfThere(context: Context): Promise<Engine | undefined> {
  const { settings } = await context.config();
  if (!existsSync(join(settings.home, 'shale.db'))) return undefined;
  try {
    return await context.engine();
  } catch (error) {
    // A store of another user or version says nothing here, and is no reason not to lint.
    if (isShaleError(error)) return undefined;
    throw error;
  }
}

/** `lint --ignorefile`. @throws LINT_NO_BUILD */
export async function printIgnoreFile(context: Context, files: readonly LintedFile[]): Promise<number> {
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) throw new UsageError('--ignorefile is about one Dockerfile');
  const measure = await (await storeIfThere(context))?.measureBuild(file.bytes);
  if (measure?.context === undefined) throw noBuild(file, ', from a folder');
  const { text, bytes } = proposeIgnore(measure.context, measure, file.options.ignorePatterns ?? []);
  await context.stdout.write(text);
  const what =
    text === '' ? 'the build takes everything that its context has' : `${humanSize(bytes)} need not be in the context`;
  await context.stderr.write(`${what}\n`);
  return EXIT.success;
}
