import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';
import { STOP_FLAGS, stopOptions } from './stop.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  flags: STOP_FLAGS,
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale restart -t 2 web', says: 'stop within two seconds, and start again' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const options = stopOptions(flags);
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.restart(name, options, { signal: context.signal });
    await context.stdout.write(`${name}\n`);
  });
}
