import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { shortDigest } from '../output/human.ts';

export const command: Command = {
  usage: 'NAME[:TAG] [TO]',
  description:
    'Moves a tag back to the image that it led to before; once more goes one further back. TO is the beginning of an image id, or a build, out of "shale image log". The image must still be in the store; the move is in the history too.',
  flags: [],
  args: { min: 1, max: 2, complete: 'image' },
  examples: [
    { command: 'shale rollback web', says: 'the image before' },
    { command: 'shale rollback web 3f9a1c', says: 'a certain one' },
  ],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const [name = '', to] = args;
  const outcome = await engine.rollback(name, to);
  const from = outcome.from === undefined ? '' : ` (was ${shortDigest(outcome.from)})`;
  await context.stdout.write(`${outcome.name} is ${shortDigest(outcome.to)}${from}\n`);
}
