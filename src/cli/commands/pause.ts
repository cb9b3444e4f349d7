import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: 'CONTAINER …',
  flags: [],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale pause web', says: 'freeze all its processes' }],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<number> {
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.pause(name);
    await context.stdout.write(`${name}\n`);
  });
}
