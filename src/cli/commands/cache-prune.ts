import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseBytes } from '../options/bytes.ts';
import { parseMoment } from '../options/times.ts';
import { humanSize } from '../output/human.ts';
import { confirm } from './confirm.ts';
import { FORCE_FLAG } from './list-flags.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Without a limit everything goes that no build is using: recorded steps and cache mounts. Images stay as they are.',
  flags: [
    { kind: 'text', name: 'max-size', value: 'BYTES', summary: 'down to so much, least valuable first' },
    { kind: 'text', name: 'unused-for', value: 'DURATION', summary: 'only what was not used for so long, as 240h' },
    FORCE_FLAG,
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale cache prune --max-size 5g', says: 'down to five gigabytes' },
    { command: 'shale cache prune -f --unused-for 240h', says: 'what nobody has used for ten days, without asking' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const size = flags.text('max-size');
  const unused = flags.text('unused-for');
  const request = {
    ...(size !== undefined && { maxBytes: parseBytes('--max-size', size) }),
    ...(unused !== undefined && { unusedSinceMs: parseMoment('--unused-for', unused, context.now()) }),
  };
  if (!flags.boolean('force')) {
    const what = size === undefined && unused === undefined ? 'the whole build cache' : 'parts of the build cache';
    await confirm(context, `Remove ${what}?`);
  }
  const engine = await context.engine();
  const { steps, mounts, reclaimedBytes } = await engine.cache.prune(request, { signal: context.signal });
  await context.stdout.write(
    `deleted steps: ${steps}\ndeleted mounts: ${mounts}\nTotal reclaimed space: ${humanSize(reclaimedBytes, 4)}\n`,
  );
}
