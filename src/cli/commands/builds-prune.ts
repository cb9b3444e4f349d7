import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseMoment, parseNumber } from '../options/times.ts';
import { UsageError } from '../usage-error.ts';
import { confirm } from './confirm.ts';
import { FORCE_FLAG } from './list-flags.ts';

const KEEP_MAX = 1_000_000;

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Removes records and logs of old builds that have ended. Without being asked shale keeps the newest builds only, and logs up to a size: the settings builds.keep and builds.logs. Images and cache stay.',
  flags: [
    { kind: 'text', name: 'keep', value: 'N', summary: 'the newest so many stay' },
    { kind: 'text', name: 'until', value: 'TIME', summary: 'those that began before: 168h, or 2026-01-02' },
    FORCE_FLAG,
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale builds prune --keep 50', says: 'all but the last fifty' },
    { command: 'shale builds prune -f --until 720h', says: 'what is older than thirty days, without asking' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const keep = flags.text('keep');
  const until = flags.text('until');
  if (keep === undefined && until === undefined)
    throw new UsageError(
      'it needs to be told how many or which: --keep N or --until TIME',
      'shale builds rm --all for all',
    );
  const request = {
    ...(keep !== undefined && { keep: parseNumber('--keep', keep, { min: 0, max: KEEP_MAX }) }),
    ...(until !== undefined && { startedBeforeMs: parseMoment('--until', until, context.now()) }),
  };
  if (!flags.boolean('force')) await confirm(context, 'Remove the records and logs of old builds?');
  const engine = await context.engine();
  for (const id of await engine.pruneBuilds(request)) await context.stdout.write(`${id}\n`);
}
