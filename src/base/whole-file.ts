import { createWriteStream, lstatSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { messageOf, ShaleError } from './errors.ts';
import type { ByteStream } from './streams.ts';

/**
 * Writes beside `file` and renames at the end, so that a file of that name is always a whole one. Pipes, devices and links
 * are written to directly: /dev/stdout is a link, to a file where the output goes to one.
 * @throws OUTPUT_FAILED
 */
export async function writeWholeFile(file: string, stream: ByteStream, signal: AbortSignal): Promise<void> {
  const there = statSync(file, { throwIfNoEntry: false });
  if (there?.isDirectory() === true)
    throw new ShaleError('OUTPUT_FAILED', `cannot write ${file}: it is a directory`, { data: { file } });
  const isSpecial = lstatSync(file, { throwIfNoEntry: false })?.isFile() === false;
  const place = isSpecial ? file : `${file}.${process.pid}.part`;
  try {
    // Opened at once: a file that is still being opened when the signal comes would be there after its removal.
    const writer = isSpecial ? createWriteStream(place) : createWriteStream(place, { fd: openSync(place, 'w') });
    await pipeline(stream, writer, { signal });
    if (place !== file) renameSync(place, file);
  } catch (error) {
    if (place !== file) rmSync(place, { force: true });
    if (signal.aborted || error instanceof ShaleError) throw error;
    throw new ShaleError('OUTPUT_FAILED', `cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
}
