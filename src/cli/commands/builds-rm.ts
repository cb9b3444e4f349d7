import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { UsageError } from '../usage-error.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] BUILD …',
  description: 'Removes records and logs of builds. The images that they made and the cache stay.',
  flags: [{ kind: 'boolean', name: 'all', short: 'a', summary: 'all builds that have ended' }],
  refused: [{ name: 'builder', why: 'there is one builder' }],
  args: { min: 0, max: Infinity, complete: 'build' },
  examples: [
    { command: 'shale builds rm b7abcdefghi', says: 'one build' },
    { command: 'shale builds rm --all', says: 'the whole history' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const all = flags.boolean('all');
  if (all === args.length > 0)
    throw new UsageError(all ? '--all and names exclude each other' : 'it needs a build, or --all');
  const engine = await context.engine();
  if (!all) {
    return await forEachName(context, args, async (name) => {
      await context.stdout.write(`${await engine.removeBuild(name)}\n`);
    });
  }
  for (const id of await engine.pruneBuilds({ keep: 0 })) await context.stdout.write(`${id}\n`);
  return EXIT.success;
}
