import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { PathChange } from '../../engine/index.ts';
import { displayLine } from '../output/text-width.ts';

const LETTERS = { added: 'A', changed: 'C', deleted: 'D' } as const;

export const command: Command = {
  usage: 'CONTAINER',
  description: 'A line per path: A for added, C for changed, D for deleted.',
  flags: [],
  args: { min: 1, max: 1, complete: 'container' },
  examples: [{ command: 'shale diff web', says: 'what the container changed' }],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  for await (const change of engine.changes(args[0] ?? '')) {
    await context.stdout.write(formatChange(change, context.stdout.isTerminal));
  }
}

/** Names are bytes: as they are into a pipe, without control characters onto a terminal. */
export function formatChange(change: PathChange, forTerminal: boolean): Buffer {
  const bytes = Buffer.from(change.path, 'latin1');
  const shown = forTerminal ? Buffer.from(displayLine(bytes.toString())) : bytes;
  return Buffer.concat([Buffer.from(`${LETTERS[change.kind]} `), shown, Buffer.from('\n')]);
}
