import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, ShaleError } from '../../base/index.ts';
import { parseDockerfile } from '../../dockerfile/index.ts';
import type { Engine } from '../../engine/index.ts';
import { measuredBuild, proposeIgnore } from '../../lint/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { humanSize } from '../output/human.ts';
import { UsageError } from '../usage-error.ts';
import type { LintedFile } from './lint-fix.ts';

/** The files with what their last builds have shown. Where there is no store, or none that can be read, none is made. */
export async function withLastBuilds(context: Context, files: readonly LintedFile[]): Promise<readonly LintedFile[]> {
  const engine = await storeIfThere(context);
  if (engine === undefined) return files;
  const known: LintedFile[] = [];
  for (const file of files) {
    const measure = await engine.measureBuild(file.bytes);
    const measured = measure && measuredBuild(parseDockerfile(file.bytes, file.file), measure);
    known.push(measured === undefined ? file : { ...file, options: { ...file.options, measured } });
  }
  return known;
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
  if (measure?.context === undefined) {
    throw new ShaleError('LINT_NO_BUILD', `there is no record of a build of ${file.file} as it is now, from a folder`, {
      hint: 'build it once; then shale knows what it takes',
    });
  }
  const { text, bytes } = proposeIgnore(measure.context, measure, file.options.ignorePatterns ?? []);
  await context.stdout.write(text);
  const what =
    text === '' ? 'the build takes everything that its context has' : `${humanSize(bytes)} need not be in the context`;
  await context.stderr.write(`${what}\n`);
  return EXIT.success;
}
