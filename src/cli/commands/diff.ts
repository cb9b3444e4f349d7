import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { PathChange } from '../../engine/index.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';
import { formatImageDiff } from './image-diff.ts';

const LETTERS = { added: 'A', changed: 'C', deleted: 'D' } as const;

export const command: Command = {
  usage: '[OPTIONS] CONTAINER | IMAGE IMAGE',
  description:
    'Of a container what it changed, a line per path: A for added, C for changed, D for deleted. Of two images what the second has that the first has not, and the other way round: sizes, config and files.',
  flags: [
    {
      kind: 'text',
      name: 'type',
      value: 'container|image',
      choices: ['container', 'image'],
      summary: 'what the names are; one is a container and two are images if not given',
    },
    { kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'of two images, print JSON' },
  ],
  args: { min: 1, max: 2, complete: 'container' },
  examples: [
    { command: 'shale diff web', says: 'what the container changed' },
    { command: 'shale diff web:1 web:2', says: 'what is new in an image' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [name = '', other] = args;
  const type = flags.text('type') ?? (other === undefined ? 'container' : 'image');
  if ((type === 'image') !== (other !== undefined))
    throw new UsageError(`diff compares two images, or a container with its image`, 'shale diff web:1 web:2');
  if (other === undefined && flags.text('format') !== undefined)
    throw new UsageError('--format is for two images', 'what a container changed is a line per path');
  const engine = await context.engine();
  if (other !== undefined) {
    const diff = await engine.diffImages(name, other);
    await context.stdout.write(
      flags.text('format') === 'json' ? `${JSON.stringify(diff, null, 2)}\n` : formatImageDiff(diff),
    );
    return;
  }
  let lines = '';
  for await (const change of engine.changes(name)) {
    lines += formatChange(change, context.stdout.isTerminal);
    if (lines.length < BYTES_AT_ONCE) continue;
    await context.stdout.write(Buffer.from(lines, 'latin1'));
    lines = '';
  }
  await context.stdout.write(Buffer.from(lines, 'latin1'));
}

const BYTES_AT_ONCE = 64 * 1024;

/** A line as bytes (latin1). Names are bytes: as they are into a pipe, without control characters onto a terminal. */
export function formatChange({ kind, path }: PathChange, forTerminal: boolean): string {
  const shown = forTerminal
    ? Buffer.from(displayLine(Buffer.from(path, 'latin1').toString())).toString('latin1')
    : path;
  return `${LETTERS[kind]} ${shown}\n`;
}
