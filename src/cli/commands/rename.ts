import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';

export const command: Command = {
  usage: 'CONTAINER NAME',
  flags: [],
  args: { min: 2, max: 2, complete: 'container' },
  examples: [{ command: 'shale rename web web-old', says: 'make room for a new one' }],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<void> {
  const [container = '', name = ''] = args;
  const engine = await context.engine();
  await engine.rename(container, name);
}
