import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf, streamOf, writeWholeFile } from '../../base/index.ts';
import { formatFileTrace, type Started } from '../../engine/index.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';

/**
 * The place of `--trace-files`, absolute. A file that cannot be written is refused before anything runs.
 * @throws USAGE
 */
export function checkTraceFile({ cwd }: Context, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const path = resolve(cwd, given);
  const there = statSync(path, { throwIfNoEntry: false });
  if (given === '' || there?.isDirectory() === true)
    throw new UsageError(`--trace-files ${JSON.stringify(given)} is not a file`);
  // A pipe, a device or a link is written to as it is.
  const isSpecial = lstatSync(path, { throwIfNoEntry: false })?.isFile() === false;
  const place = isSpecial && there !== undefined ? path : dirname(path);
  try {
    accessSync(place, constants.W_OK);
  } catch (error) {
    throw new UsageError(`cannot write --trace-files ${given}: ${messageOf(error)}`);
  }
  return path;
}

/** Writes what a container opened. @throws FILES_UNTOLD, OUTPUT_FAILED */
export async function writeTrace(path: string, { openedFiles }: Started): Promise<void> {
  const paths = openedFiles?.() ?? [];
  // Whatever ended the command, what it has found is kept.
  await writeWholeFile(path, streamOf(formatFileTrace(paths)), new AbortController().signal);
}
