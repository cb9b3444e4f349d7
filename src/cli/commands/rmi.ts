import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE …',
  description: 'Removes the name; the image itself goes with its last name, unless a container uses it.',
  flags: [
    { kind: 'boolean', name: 'force', short: 'f', summary: 'by id: remove all its names; also when containers use it' },
  ],
  refused: [
    { name: 'no-prune', why: 'images have no nameless parents to keep' },
    { name: 'platform', why: 'an image is removed whole' },
  ],
  args: { min: 1, max: Infinity, complete: 'image' },
  examples: [{ command: 'shale rmi web:old', says: 'remove a name' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    const removed = await engine.removeImage(name, { force: flags.boolean('force') });
    const lines = removed.map((one) => `${one.kind === 'untagged' ? 'Untagged' : 'Deleted'}: ${one.name}\n`);
    await context.stdout.write(lines.join(''));
  });
}
