import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { isShaleError } from '../../base/index.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK …',
  description: 'A network that a running container is on is left.',
  flags: [{ kind: 'boolean', name: 'force', short: 'f', summary: 'it is no error when there is none' }],
  args: { min: 1, max: Infinity },
  examples: [{ command: 'shale network rm back', says: 'remove a network' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    try {
      await engine.removeNetwork(name);
    } catch (error) {
      if (flags.boolean('force') && isShaleError(error, 'NETWORK_NOT_FOUND')) return;
      throw error;
    }
    await context.stdout.write(`${name}\n`);
  });
}
