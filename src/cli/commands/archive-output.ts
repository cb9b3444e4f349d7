import { resolve } from 'node:path';
import { type ByteStream, writeWholeFile } from '../../base/index.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';

/** @throws USAGE when an archive would go to a terminal */
export function requireNoTerminal({ stdout }: Context, file: string | undefined): void {
  if (file === undefined && stdout.isTerminal)
    throw new UsageError('an archive is not written to a terminal', 'add -o FILE, or send it into a pipe');
}

/** Writes an archive to a file, relative to the working directory, or to standard output. @throws USAGE */
export async function writeArchive(context: Context, file: string | undefined, archive: ByteStream): Promise<void> {
  requireNoTerminal(context, file);
  if (file === undefined) for await (const chunk of archive) await context.stdout.write(chunk);
  else await writeWholeFile(resolve(context.cwd, file), archive, context.signal);
}
