import type { Volume } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { type Filters, parseFilters, passes, passesLabels } from '../options/filters.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, filterFlag, quietFlag } from './list-flags.ts';
import { formatLabels } from './ps.ts';

const FILTERS = ['dangling', 'driver', 'label', 'name'];

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [quietFlag('print names only'), FORMAT_FLAG, filterFlag(FILTERS)],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale volume ls -f dangling=true', says: 'those that no container has' }],
  run,
};

const LAYOUT: ListLayout<Volume> = {
  columns: [
    { name: 'Driver', title: 'DRIVER', value: () => 'local' },
    { name: 'Name', title: 'VOLUME NAME', value: (row) => row.name },
    { name: 'Mountpoint', title: 'MOUNTPOINT', value: (row) => row.mountpoint },
    { name: 'Labels', title: 'LABELS', value: (row) => formatLabels(row.labels) },
    { name: 'Scope', title: 'SCOPE', value: () => 'local' },
    { name: 'Links', title: 'LINKS', value: (row) => String(row.containers.length) },
    { name: 'Size', title: 'SIZE', value: () => 'N/A' },
    { name: 'Availability', title: 'AVAILABILITY', value: () => 'N/A' },
    { name: 'Group', title: 'GROUP', value: () => 'N/A' },
    { name: 'Status', title: 'STATUS', value: () => 'N/A' },
  ],
  table: ['Driver', 'Name'],
  quiet: 'Name',
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const engine = await context.engine();
  const rows = (await engine.volumes()).filter((row) => matchesVolume(row, filters));
  await context.stdout.write(formatList(rows, LAYOUT, { format: flags.text('format'), quiet: flags.boolean('quiet') }));
}

export function matchesVolume(row: Volume, filters: Filters): boolean {
  return (
    passes(filters, 'name', (name) => row.name.includes(name)) &&
    passes(filters, 'driver', (driver) => driver === 'local') &&
    passes(filters, 'dangling', (word) => /^(true|1)$/i.test(word) === (row.containers.length === 0)) &&
    passesLabels(filters, row.labels)
  );
}
