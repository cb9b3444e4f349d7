import { writeWholeFile, type ByteStream } from '../../base/index.ts';
import type { OutputFile } from './output.ts';

/** Writes a stream to where an output says. A path holds the old file or the whole new one. @throws OUTPUT_FAILED */
export async function writeOutput(to: OutputFile, bytes: ByteStream, signal: AbortSignal): Promise<void> {
  if (to.kind === 'file') return writeWholeFile(to.path, bytes, signal);
  for await (const chunk of bytes) await to.write(chunk);
}
