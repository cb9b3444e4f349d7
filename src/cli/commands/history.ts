import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { HistoryStep } from '../../engine/index.ts';
import { ellipsis, humanAgo, humanSize, humanTime, shortDigest } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

const CREATED_BY_CHARACTERS = 45;
const MISSING = '<missing>';

export const command: Command = {
  usage: '[OPTIONS] IMAGE',
  flags: [quietFlag('print ids only'), NO_TRUNC_FLAG, FORMAT_FLAG],
  refused: [
    { name: 'platform', why: 'an image is that of one platform here' },
    { name: 'human', short: 'H', why: 'sizes and dates are always printed for people', instead: '--format json' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [{ command: 'shale history --no-trunc web', says: 'with whole commands' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const rows = await engine.history(args[0] ?? '');
  const layout = historyLayout({ nowMs: context.now(), whole: flags.boolean('no-trunc') });
  const format = flags.text('format');
  await context.stdout.write(formatList(rows, layout, { format, quiet: flags.boolean('quiet') }));
}

/** Docker's columns. */
export function historyLayout(options: { nowMs: number; whole: boolean }): ListLayout<HistoryStep> {
  const { nowMs, whole } = options;
  const created = (row: HistoryStep, format: (ms: number) => string): string =>
    row.createdMs === undefined ? 'N/A' : format(row.createdMs);
  return {
    columns: [
      {
        name: 'ID',
        title: 'IMAGE',
        value: ({ imageId }) => (imageId === undefined ? MISSING : whole ? imageId : shortDigest(imageId)),
      },
      { name: 'CreatedSince', title: 'CREATED', value: (row) => created(row, (ms) => humanAgo(ms, nowMs)) },
      { name: 'CreatedAt', title: 'CREATED AT', value: (row) => created(row, humanTime) },
      { name: 'CreatedBy', title: 'CREATED BY', value: (row) => createdBy(row.createdBy, whole) },
      { name: 'Size', title: 'SIZE', value: (row) => humanSize(row.sizeBytes) },
      { name: 'Comment', title: 'COMMENT', value: (row) => row.comment },
    ],
    table: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
    quiet: 'ID',
  };
}

function createdBy(text: string, whole: boolean): string {
  const oneLine = text.replaceAll(/\s+/g, ' ');
  return whole ? oneLine : ellipsis(oneLine, CREATED_BY_CHARACTERS);
}
