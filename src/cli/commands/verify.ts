import type { Command, ParsedArguments } from '../command.ts';
import { PROGRESS_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { parseLabels } from '../options/assignments.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { INPUT_FLAGS, inputOptions } from './build-input-flags.ts';
import { parseClock, tellVerified, VERIFY_FLAGS } from './verify-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE|BUILD [CONTEXT]',
  description:
    'Builds again what an image was built from: without the cache, from a copy of the context in another folder whose files lie in another order, with another umask, host name, user name, time zone, locale and number of processors, and later; with libfaketime, which is taken from this machine or with --clock fetched from a mirror of Debian, steps see another day too. Then compares, and says of every difference in which layer and file it is, what it comes from, and what would mend it. The status is 2 when there is one. Values of build arguments are not kept: give them again.',
  flags: [
    ...INPUT_FLAGS,
    { kind: 'list', name: 'label', value: 'KEY=VALUE', summary: 'a label that the build was given' },
    { kind: 'boolean', name: 'locked', summary: 'build with what the lock file holds, also where the build did not' },
    ...VERIFY_FLAGS,
    { kind: 'text', name: 'progress', value: 'KIND', choices: PROGRESS_CHOICES, summary: 'how progress is shown' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
  ],
  args: { min: 1, max: 2, complete: 'image' },
  examples: [
    { command: 'shale verify web', says: 'is it the same when it is built again?' },
    { command: 'shale verify --clock 400d web', says: 'in which another year is it?' },
    { command: 'shale verify --locked --report differences.json web', says: 'with recorded packages' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const [name = '', place] = args;
  const { settings } = await context.config();
  if (place === '-') throw new UsageError('verify takes a context from a folder or an address');
  const { context: given, ...input } = inputOptions(
    context,
    { flags, args: place === undefined ? [] : [place] },
    settings.networkDefault,
  );
  const kind = flags.boolean('quiet') ? 'quiet' : (flags.text('progress') ?? settings.progress);
  await using progress = openProgress(context, kind);
  const clock = parseClock(flags.text('clock'));
  const engine = await context.engine();
  const report = await engine.verifyBuild(
    {
      name,
      build: {
        ...input,
        labels: parseLabels(flags.list('label')),
        ...(place !== undefined && { context: given }),
        ...(flags.boolean('locked') && { lock: 'replay' }),
      },
      ...(clock !== undefined && { clockAheadSeconds: clock }),
    },
    progress.watch,
  );
  await progress.close();
  return tellVerified(context, flags, report);
}
