import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseBytes } from '../options/bytes.ts';
import { humanSize } from '../output/human.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'A cache mount that is here already is replaced, unless a build is using it.',
  flags: [
    { kind: 'text', name: 'input', short: 'i', value: 'FILE', summary: 'an archive instead of standard input' },
    { kind: 'text', name: 'folder', value: 'FOLDER', summary: 'a folder that was exported' },
    { kind: 'text', name: 'max-size', value: 'BYTES', summary: 'leave out what would go beyond' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale cache import -i cache.tar', says: 'from an archive' },
    { command: 'ssh ci shale cache export | shale cache import', says: 'from another machine' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const [file, folder, size] = [flags.text('input'), flags.text('folder'), flags.text('max-size')];
  if (file !== undefined && folder !== undefined) throw new UsageError('-i and --folder exclude each other');
  if (file === undefined && folder === undefined && context.stdin.isTerminal)
    throw new UsageError('an archive is not read from a terminal', 'shale cache import -i cache.tar');
  const engine = await context.engine();
  const source =
    folder === undefined
      ? ({
          kind: 'archive',
          bytes:
            file === undefined || file === '-' ? context.stdin.bytes() : createReadStream(resolve(context.cwd, file)),
        } as const)
      : ({ kind: 'folder', path: resolve(context.cwd, folder) } as const);
  const request = size === undefined ? {} : { maxBytes: parseBytes('--max-size', size) };
  const { imported, skipped } = await engine.cache.importMounts(source, request, { signal: context.signal });
  for (const { name, sizeBytes } of imported)
    await context.stdout.write(`${name}${sizeBytes === undefined ? '' : ` (${humanSize(sizeBytes)})`}\n`);
  for (const { name, why } of skipped) await context.stderr.write(`left out ${name}: ${why}\n`);
}
