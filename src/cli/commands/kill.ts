import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  flags: [
    { kind: 'text', name: 'signal', short: 's', value: 'SIGNAL', default: 'KILL', summary: 'a name or a number' },
  ],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [
    { command: 'shale kill web', says: 'end it at once' },
    { command: 'shale kill -s HUP web', says: 'have it read its configuration anew' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const signal = flags.text('signal') ?? 'KILL';
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.kill(name, { signal });
    await context.stdout.write(`${name}\n`);
  });
}
