import { isShaleError } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { reportError } from '../report-error.ts';
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
    try {
      await engine.removeContainer(name, options);
    } catch (error) {
      // As docker: with -f it is as it was to be, which is told all the same.
      if (!options.force || !isShaleError(error, 'CONTAINER_NOT_FOUND')) throw error;
      return await context.stderr.write(reportError(error, { debug: context.debug, colors: context.stderr.colors }));
    }
    await context.stdout.write(`${name}\n`);
  });
}
