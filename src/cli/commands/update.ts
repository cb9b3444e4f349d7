import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';
import { forEachName } from './each.ts';
import { parseRestart } from './life-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  flags: [
    {
      kind: 'text',
      name: 'restart',
      value: 'POLICY',
      summary: 'start it again when it ends: no, always, unless-stopped, on-failure[:TIMES]',
    },
  ],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale update --restart unless-stopped web', says: 'keep it running from now on' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const restart = flags.text('restart');
  if (restart === undefined)
    throw new UsageError('nothing is to be changed', 'shale update --restart POLICY CONTAINER');
  const request = { restart: parseRestart(restart) };
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.update(name, request);
    await context.stdout.write(`${name}\n`);
  });
}
