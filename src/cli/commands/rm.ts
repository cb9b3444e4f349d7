import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  flags: [
    { kind: 'boolean', name: 'force', short: 'f', summary: 'kill it first if it runs' },
    { kind: 'boolean', name: 'volumes', short: 'v', summary: 'remove its nameless volumes too' },
  ],
  refused: [{ name: 'link', short: 'l', why: 'containers are not linked' }],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale rm -f web', says: 'stop and remove' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const options = { force: flags.boolean('force'), volumes: flags.boolean('volumes') };
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.removeContainer(name, options);
    await context.stdout.write(`${name}\n`);
  });
}
