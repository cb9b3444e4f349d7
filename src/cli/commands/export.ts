import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { writeArchive } from './archive-output.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  description: 'Writes the file system of a container as a tar, without volumes and what else is mounted in it.',
  flags: [
    { kind: 'text', name: 'output', short: 'o', value: 'FILE', summary: 'write to a file, not to standard output' },
  ],
  args: { min: 1, max: 1, complete: 'container' },
  examples: [{ command: 'shale export -o root.tar web', says: 'all files in one tar' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  await writeArchive(context, flags.text('output'), engine.exportContainer(args[0] ?? ''));
}
