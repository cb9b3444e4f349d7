import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { MountImportSource } from '../../engine/index.ts';
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
    { kind: 'text', name: 'registry', value: 'NAME[:TAG]', summary: 'a name in a registry' },
    { kind: 'text', name: 'max-size', value: 'BYTES', summary: 'leave out what would go beyond' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale cache import -i cache.tar', says: 'from an archive' },
    { command: 'ssh ci shale cache export | shale cache import', says: 'from another machine' },
    { command: 'shale cache import --registry registry.example/web/cache-mounts', says: 'from a registry' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const [file, folder, registry] = [flags.text('input'), flags.text('folder'), flags.text('registry')];
  const size = flags.text('max-size');
  const places = [file, folder, registry].filter((place) => place !== undefined);
  if (places.length > 1) throw new UsageError('-i, --folder and --registry exclude each other');
  if (places.length === 0 && context.stdin.isTerminal)
    throw new UsageError('an archive is not read from a terminal', 'shale cache import -i cache.tar');
  const engine = await context.engine();
  const source = sourceOf(context, file, folder, registry);
  const request = size === undefined ? {} : { maxBytes: parseBytes('--max-size', size) };
  const { imported, skipped } = await engine.cache.importMounts(source, request, { signal: context.signal });
  for (const { name, sizeBytes } of imported)
    await context.stdout.write(`${name}${sizeBytes === undefined ? '' : ` (${humanSize(sizeBytes)})`}\n`);
  for (const { name, why } of skipped) await context.stderr.write(`left out ${name}: ${why}\n`);
}

function sourceOf(context: Context, file?: string, folder?: string, registry?: string): MountImportSource {
  if (registry !== undefined) return { kind: 'registry', name: registry };
  if (folder !== undefined) return { kind: 'folder', path: resolve(context.cwd, folder) };
  const isStdin = file === undefined || file === '-';
  return { kind: 'archive', bytes: isStdin ? context.stdin.bytes() : createReadStream(resolve(context.cwd, file)) };
}
