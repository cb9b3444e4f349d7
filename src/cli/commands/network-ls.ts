import type { Network } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { type Filters, parseFilters, passes, passesLabels } from '../options/filters.ts';
import { humanTime } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, filterFlag, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';
import { formatLabels } from './ps.ts';

const FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [quietFlag('print ids only'), NO_TRUNC_FLAG, FORMAT_FLAG, filterFlag(FILTERS)],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale network ls -f type=custom', says: 'those that were made by name' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const engine = await context.engine();
  const rows = (await engine.networks()).filter((row) => matches(row, filters));
  const options = { format: flags.text('format'), quiet: flags.boolean('quiet') };
  await context.stdout.write(formatList(rows.toSorted(byName), layout(flags.boolean('no-trunc')), options));
}

function byName(a: Network, b: Network): number {
  return a.name < b.name ? -1 : 1;
}

function matches(row: Network, filters: Filters): boolean {
  return (
    passes(filters, 'id', (id) => row.id.startsWith(id)) &&
    passes(filters, 'name', (name) => row.name.includes(name)) &&
    passes(filters, 'driver', (driver) => row.driver === driver) &&
    passes(filters, 'scope', (scope) => scope === 'local') &&
    passes(filters, 'type', (type) => type === (row.predefined ? 'builtin' : 'custom')) &&
    passes(
      filters,
      'dangling',
      (word) => /^(true|1)$/i.test(word) === (!row.predefined && row.containers.length === 0),
    ) &&
    passesLabels(filters, row.labels)
  );
}

function layout(whole: boolean): ListLayout<Network> {
  return {
    columns: [
      { name: 'ID', title: 'NETWORK ID', value: (row) => (whole ? row.id : row.id.slice(0, 12)) },
      { name: 'Name', title: 'NAME', value: (row) => row.name },
      { name: 'Driver', title: 'DRIVER', value: (row) => row.driver },
      { name: 'Scope', title: 'SCOPE', value: () => 'local' },
      { name: 'IPv4', title: 'IPV4', value: () => 'true' },
      { name: 'IPv6', title: 'IPV6', value: (row) => String(row.ipv6) },
      { name: 'Internal', title: 'INTERNAL', value: (row) => String(row.internal) },
      { name: 'Labels', title: 'LABELS', value: (row) => formatLabels(row.labels) },
      { name: 'CreatedAt', title: 'CREATED AT', value: (row) => humanTime(row.createdMs) },
    ],
    table: ['ID', 'Name', 'Driver', 'Scope'],
    quiet: 'ID',
  };
}
