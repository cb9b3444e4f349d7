import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: 'CONTAINER …',
  description: 'Waits until the containers do not run, and prints their exit statuses.',
  flags: [],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale wait job', says: 'until it has ended' }],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<number> {
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    const status = await engine.wait(name, { signal: context.signal });
    await context.stdout.write(`${status}\n`);
  });
}
