import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { ContainerState, ContainerSummary, PortMapping } from '../../engine/index.ts';
import { type Filters, parseFilters, passes, passesLabels } from '../options/filters.ts';
import { ellipsis, humanAgo, humanDuration, humanTime, shortDigest } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, filterFlag, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

const COMMAND_CHARACTERS = 20;
const FILTERS = ['id', 'name', 'status', 'ancestor', 'label', 'exited'];

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'show stopped ones too' },
    quietFlag('print ids only'),
    NO_TRUNC_FLAG,
    FORMAT_FLAG,
    filterFlag(FILTERS),
  ],
  refused: [
    { name: 'size', short: 's', why: 'sizes are not counted here', instead: 'shale system df' },
    { name: 'last', short: 'n', why: 'the list is shown whole', instead: 'shale ps -a | head' },
    { name: 'latest', short: 'l', why: 'the list is shown whole', instead: 'shale ps -a | head -n 2' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale ps -a', says: 'stopped containers too' },
    { command: 'shale ps -q --filter status=exited', says: 'ids of those that ended' },
    { command: "shale ps --format '{{.Names}}: {{.Status}}'", says: 'chosen fields' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const all = flags.boolean('all') || filters.has('status') || filters.has('exited');
  const engine = await context.engine();
  const rows = (await engine.containers({ all })).filter((row) => matches(row, filters));
  const format = flags.text('format');
  const layout = containerLayout({ nowMs: context.now(), whole: flags.boolean('no-trunc') });
  await context.stdout.write(formatList(rows, layout, { format, quiet: flags.boolean('quiet') }));
}

function matches(row: ContainerSummary, filters: Filters): boolean {
  return (
    passes(filters, 'id', (id) => row.id.startsWith(id)) &&
    passes(filters, 'name', (name) => row.name.includes(name)) &&
    passes(filters, 'status', (status) => row.state.kind === status) &&
    passes(filters, 'exited', (code) => row.state.kind === 'exited' && String(row.state.exitCode) === code) &&
    passes(filters, 'ancestor', (image) => row.image === image || shortDigest(row.imageId).startsWith(image)) &&
    passesLabels(filters, row.labels)
  );
}

/** Docker's columns. */
export function containerLayout(options: { nowMs: number; whole: boolean }): ListLayout<ContainerSummary> {
  const { nowMs, whole } = options;
  return {
    columns: [
      { name: 'ID', title: 'CONTAINER ID', value: (row) => (whole ? row.id : row.id.slice(0, 12)) },
      { name: 'Image', title: 'IMAGE', value: (row) => row.image },
      { name: 'Command', title: 'COMMAND', value: (row) => quoteCommand(row.command, whole) },
      { name: 'RunningFor', title: 'CREATED', value: (row) => humanAgo(row.createdMs, nowMs) },
      { name: 'Status', title: 'STATUS', value: (row) => formatStatus(row.state, nowMs) },
      { name: 'Ports', title: 'PORTS', value: (row) => formatPorts(row.ports) },
      { name: 'Names', title: 'NAMES', value: (row) => row.name },
      { name: 'CreatedAt', title: 'CREATED AT', value: (row) => humanTime(row.createdMs) },
      { name: 'State', title: 'STATE', value: (row) => row.state.kind },
      { name: 'Labels', title: 'LABELS', value: (row) => formatLabels(row.labels) },
    ],
    table: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
    quiet: 'ID',
  };
}

function quoteCommand(words: readonly string[], whole: boolean): string {
  const text = words.join(' ');
  return JSON.stringify(whole ? text : ellipsis(text, COMMAND_CHARACTERS));
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`, `Created`. */
export function formatStatus(state: ContainerState, nowMs: number): string {
  switch (state.kind) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${humanDuration(nowMs - state.startedMs)}`;
    case 'exited':
      return `Exited (${state.exitCode}) ${humanAgo(state.finishedMs, nowMs)}`;
  }
}

/** `0.0.0.0:8080->80/tcp, 81/udp`. */
export function formatPorts(ports: readonly PortMapping[]): string {
  return ports
    .map(({ hostIp = '0.0.0.0', hostPort, containerPort, protocol }) => {
      const inside = `${containerPort}/${protocol}`;
      const ip = hostIp.includes(':') ? `[${hostIp}]` : hostIp;
      return hostPort === undefined ? inside : `${ip}:${hostPort}->${inside}`;
    })
    .join(', ');
}

export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');
}
