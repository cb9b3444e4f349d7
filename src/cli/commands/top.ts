import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../output/table.ts';

/** As docker's top. */
const COLUMN_MIN = 20;

export const command: Command = {
  usage: 'CONTAINER [PS OPTIONS]',
  description: 'What "ps" of this machine says of the processes of a container; -ef without options.',
  flags: [],
  args: { min: 1, max: Infinity, optionsFirst: true, complete: 'container' },
  examples: [
    { command: 'shale top web', says: 'its processes' },
    { command: 'shale top web -o pid,rss,args', says: 'chosen columns' },
  ],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<void> {
  const [container = '', ...options] = args;
  const engine = await context.engine();
  const { titles, processes } = await engine.processes(container, options);
  await context.stdout.write(formatTable([titles, ...processes], COLUMN_MIN));
}
