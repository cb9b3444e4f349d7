import { resolve } from 'node:path';
import { writeWholeFile } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseBytes } from '../options/bytes.ts';
import { humanSize } from '../output/human.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: '[OPTIONS] [ID|NAME …]',
  description:
    'Writes cache mounts, all of them when none is named, as an OCI image layout: each is an artifact of one layer, which any OCI tool can copy.',
  flags: [
    { kind: 'text', name: 'output', short: 'o', value: 'FILE', summary: 'an archive instead of standard output' },
    { kind: 'text', name: 'folder', value: 'FOLDER', summary: 'a folder; mounts that it has already are replaced' },
    { kind: 'text', name: 'registry', value: 'NAME[:TAG]', summary: 'a name in a registry, which is pushed to' },
    { kind: 'text', name: 'max-size', value: 'BYTES', summary: 'leave out what would go beyond, latest used first' },
  ],
  args: { min: 0, max: Infinity },
  examples: [
    { command: 'shale cache export -o cache.tar', says: 'all cache mounts, for the next run of CI' },
    { command: 'shale cache export --folder .cache --max-size 2g /root/.npm', says: 'one of them, into a folder' },
    { command: 'shale cache export --registry registry.example/web/cache-mounts', says: 'to a registry' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [file, folder, registry] = [flags.text('output'), flags.text('folder'), flags.text('registry')];
  const size = flags.text('max-size');
  const places = [file, folder, registry].filter((place) => place !== undefined);
  if (places.length > 1) throw new UsageError('-o, --folder and --registry exclude each other');
  if (places.length === 0 && context.stdout.isTerminal)
    throw new UsageError('an archive is not written to a terminal', 'shale cache export -o cache.tar');
  const engine = await context.engine();
  const request = {
    names: args,
    ...(size !== undefined && { maxBytes: parseBytes('--max-size', size) }),
    ...(folder !== undefined && { folder: resolve(context.cwd, folder) }),
    ...(registry !== undefined && { registry }),
  };
  const { exported, skipped, archive } = await engine.cache.exportMounts(request, { signal: context.signal });
  if (archive !== undefined && file === undefined) {
    for await (const chunk of archive) await context.stdout.write(chunk);
  } else if (archive !== undefined && file !== undefined) {
    await writeWholeFile(resolve(context.cwd, file), archive, context.signal);
  }
  for (const { name, sizeBytes = 0 } of exported)
    await context.stderr.write(`exported ${name} (${humanSize(sizeBytes)})\n`);
  for (const { entry, why } of skipped) await context.stderr.write(`left out ${entry.name}: ${why}\n`);
}
