import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] VOLUME …',
  description: 'A volume that a container has, running or not, is left.',
  flags: [{ kind: 'boolean', name: 'force', short: 'f', summary: 'it is no error when there is none' }],
  args: { min: 1, max: Infinity },
  examples: [{ command: 'shale volume rm data', says: 'remove a volume with its files' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.removeVolume(name, { force: flags.boolean('force') });
    await context.stdout.write(`${name}\n`);
  });
}
