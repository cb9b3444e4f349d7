import type { CacheUsageRow } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { humanSize } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG } from './list-flags.ts';

const DIGITS = 4;

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'One cap (cache.max) holds for steps and mounts together; what is worth least goes first.',
  flags: [FORMAT_FLAG],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale cache df', says: 'how much room the cache takes, and how much it may' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const { rows, capBytes } = await engine.cache.usage();
  const format = flags.text('format');
  await context.stdout.write(formatList(rows, CACHE_USAGE_LAYOUT, { format }));
  if (format !== undefined) return;
  const total = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
  await context.stdout.write(`\n${humanSize(total, DIGITS)} of at most ${humanSize(capBytes, DIGITS)}\n`);
}

const CACHE_USAGE_LAYOUT: ListLayout<CacheUsageRow> = {
  columns: [
    { name: 'Type', title: 'TYPE', value: ({ type }) => type },
    { name: 'TotalCount', title: 'TOTAL', value: ({ total }) => String(total) },
    { name: 'Active', title: 'ACTIVE', value: ({ active }) => String(active) },
    { name: 'Size', title: 'SIZE', value: ({ sizeBytes }) => humanSize(sizeBytes, DIGITS) },
    {
      name: 'Reclaimable',
      title: 'RECLAIMABLE',
      value: ({ reclaimableBytes }) => humanSize(reclaimableBytes, DIGITS),
    },
  ],
  table: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
  quiet: 'Type',
};
