import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { optional } from './run.ts';
import type { SaveRequest } from '../../engine/index.ts';
import { requireNoTerminal, writeArchive } from './archive-output.ts';

const FORMATS = ['docker', 'oci'] as const;
const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;

export const command: Command = {
  usage: '[OPTIONS] IMAGE …',
  flags: [
    { kind: 'text', name: 'output', short: 'o', value: 'FILE', summary: 'write to a file instead of standard output' },
    {
      kind: 'text',
      name: 'format',
      value: 'FORMAT',
      choices: FORMATS,
      default: 'docker',
      summary: 'docker: what docker load reads; oci: an OCI image layout in a tar',
    },
    {
      kind: 'text',
      name: 'compression',
      value: 'KIND',
      choices: COMPRESSIONS,
      default: 'none',
      summary: 'how layers are compressed; the same layer always gives the same bytes',
    },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of images for several platforms, this one' },
  ],
  args: { min: 1, max: Infinity, complete: 'image' },
  examples: [
    { command: 'shale save -o web.tar web', says: 'into a file' },
    { command: 'shale save web | ssh host docker load', says: 'to another machine' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const file = flags.text('output');
  requireNoTerminal(context, file);
  const request: SaveRequest = {
    images: args,
    format: FORMATS.find((format) => format === flags.text('format')) ?? 'docker',
    compression: COMPRESSIONS.find((kind) => kind === flags.text('compression')) ?? 'none',
    ...optional('platform', flags.text('platform')),
  };
  const engine = await context.engine();
  await writeArchive(context, file, engine.save(request, { signal: context.signal }));
}
