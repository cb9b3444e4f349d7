import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { UsageRow } from '../../engine/index.ts';
import { humanSize } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG } from './list-flags.ts';

const DIGITS = 4;

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Derived is what can be rebuilt from the rest at any time: indexes and unpacked layers.',
  flags: [FORMAT_FLAG],
  refused: [{ name: 'verbose', short: 'v', why: 'rows are not itemised', instead: 'shale images, shale ps -a' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale system df', says: 'how much room what takes' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const format = flags.text('format');
  await context.stdout.write(formatList(await engine.usage(), USAGE_LAYOUT, { format }));
}

/** Docker's columns. */
export const USAGE_LAYOUT: ListLayout<UsageRow> = {
  columns: [
    { name: 'Type', title: 'TYPE', value: (row) => row.type },
    { name: 'TotalCount', title: 'TOTAL', value: (row) => String(row.total) },
    { name: 'Active', title: 'ACTIVE', value: (row) => String(row.active) },
    { name: 'Size', title: 'SIZE', value: (row) => humanSize(row.sizeBytes, DIGITS) },
    { name: 'Reclaimable', title: 'RECLAIMABLE', value: reclaimable },
  ],
  table: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
  quiet: 'Type',
};

function reclaimable(row: UsageRow): string {
  const size = humanSize(row.reclaimableBytes, DIGITS);
  return row.sizeBytes === 0 ? size : `${size} (${Math.floor((row.reclaimableBytes * 100) / row.sizeBytes)}%)`;
}
