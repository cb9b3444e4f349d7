import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { ContainerState, ContainerSummary, PortMapping } from '../../engine/index.ts';
import { type Filters, parseFilters, passes, passesLabels } from '../options/filters.ts';
import { parseNumber } from '../options/times.ts';
import { ellipsis, humanAgo, humanDuration, humanSize, humanTime } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { UsageError } from '../usage-error.ts';
import { FORMAT_FLAG, filterFlag, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

const COMMAND_CHARACTERS = 20;
const MOUNT_CHARACTERS = 15;
const FILTERS = [
  'id',
  'name',
  'status',
  'ancestor',
  'label',
  'exited',
  'health',
  'volume',
  'network',
  'publish',
  'expose',
  'before',
  'since',
];
const STATUSES = ['created', 'running', 'paused', 'restarting', 'exited', 'removing', 'dead'];
const HEALTH = ['starting', 'healthy', 'unhealthy', 'none'];

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'show stopped ones too' },
    { kind: 'text', name: 'last', short: 'n', value: 'NUMBER', summary: 'show the last so many, stopped ones too' },
    { kind: 'boolean', name: 'latest', short: 'l', summary: 'show the last one, even when it has stopped' },
    { kind: 'boolean', name: 'size', short: 's', summary: 'count what they take on disk' },
    quietFlag('print ids only'),
    NO_TRUNC_FLAG,
    FORMAT_FLAG,
    filterFlag(FILTERS),
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
  const filters = checkedFilters(flags.list('filter'));
  const last = flags.boolean('latest') ? 1 : lastOf(flags.text('last'));
  const wantsAll = ['status', 'exited', 'before', 'since'].some((key) => filters.has(key));
  const format = flags.text('format');
  const sizes = flags.boolean('size') || (format?.includes('.Size') ?? false);
  const engine = await context.engine();
  const all = await engine.containers({ all: true, sizes });
  const isShown = (row: ContainerSummary): boolean =>
    flags.boolean('all') || wantsAll || last !== undefined || isUp(row.state);
  const rows = all.filter((row) => isShown(row) && matches(row, filters, all)).slice(0, last ?? all.length);
  const layout = containerLayout({
    nowMs: context.now(),
    whole: flags.boolean('no-trunc'),
    sizes: flags.boolean('size'),
  });
  await context.stdout.write(formatList(rows, layout, { format, quiet: flags.boolean('quiet') }));
}

function lastOf(text: string | undefined): number | undefined {
  const number = text === undefined ? -1 : parseNumber('--last', text, { min: -1, max: 1e9 });
  return number < 0 ? undefined : number;
}

/** @throws USAGE */
function checkedFilters(words: readonly string[]): Filters {
  const filters = parseFilters(words, FILTERS);
  for (const [key, choices] of [
    ['status', STATUSES],
    ['health', HEALTH],
  ] as const) {
    const wrong = filters.get(key)?.find((value) => !choices.includes(value));
    if (wrong !== undefined) throw new UsageError(`--filter ${key}=${wrong}`, `one of ${choices.join(', ')}`);
  }
  return filters;
}

function isUp({ kind }: ContainerState): boolean {
  return kind === 'running' || kind === 'paused' || kind === 'restarting';
}

function matches(row: ContainerSummary, filters: Filters, all: readonly ContainerSummary[]): boolean {
  if (filters.size === 0) return true;
  const place = all.indexOf(row);
  // Newest first: what was made before another comes after it.
  const placeOf = (name: string): number => all.findIndex((one) => one.name === name || one.id.startsWith(name));
  return (
    passes(filters, 'id', (id) => row.id.startsWith(id)) &&
    passes(filters, 'name', (name) => matchesName(row.name, name)) &&
    passes(filters, 'status', (status) => row.state.kind === status) &&
    passes(filters, 'exited', (code) => row.state.kind === 'exited' && String(row.state.exitCode) === code) &&
    passes(filters, 'ancestor', (image) => isAncestor(row, image)) &&
    passes(filters, 'health', (health) => (('health' in row.state && row.state.health) || 'none') === health) &&
    passes(filters, 'volume', (name) => hasVolume(row, name)) &&
    passes(filters, 'network', (name) => row.network.split(',').includes(name)) &&
    passes(filters, 'publish', (port) => row.ports.some((one) => isPort(one.hostPort, one.protocol, port))) &&
    passes(filters, 'expose', (port) => hasPort(row, port)) &&
    passes(filters, 'before', (name) => placeOf(name) >= 0 && place > placeOf(name)) &&
    passes(filters, 'since', (name) => placeOf(name) >= 0 && place < placeOf(name)) &&
    passesLabels(filters, row.labels)
  );
}

/** Docker reads it as a pattern, found anywhere in `/NAME`. */
function matchesName(name: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(`/${name}`) || new RegExp(pattern).test(name);
  } catch {
    return name.includes(pattern);
  }
}

function isAncestor(row: ContainerSummary, image: string): boolean {
  const tagless = (name: string): string => name.replace(/:latest$/, '').replace(/^docker\.io\/(library\/)?/, '');
  return tagless(row.image) === tagless(image) || (/^[0-9a-f:sha]{4,}$/.test(image) && isId(row.imageId, image));
}

function isId(id: string, text: string): boolean {
  return id.startsWith(text) || id.replace(/^sha256:/, '').startsWith(text);
}

function hasVolume({ volumes, volumeNames }: ContainerSummary, name: string): boolean {
  return volumeNames.includes(name) || volumes.some(({ source, target }) => source === name || target === name);
}

function hasPort({ ports, exposedPorts }: ContainerSummary, wanted: string): boolean {
  return (
    ports.some((one) => isPort(one.containerPort, one.protocol, wanted)) ||
    exposedPorts.some((one) => isPort(Number.parseInt(one, 10), one.split('/')[1] ?? 'tcp', wanted))
  );
}

/** `8080`, `8080/tcp`, `8000-9000`. */
function isPort(port: number | undefined, protocol: string, wanted: string): boolean {
  const [, from = '', to = from, kind = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/([a-z]+))?$/.exec(wanted) ?? [];
  return port !== undefined && kind === protocol && port >= Number(from) && port <= Number(to);
}

/** Docker's columns. */
export function containerLayout(options: {
  nowMs: number;
  whole: boolean;
  sizes?: boolean;
}): ListLayout<ContainerSummary> {
  const { nowMs, whole, sizes = false } = options;
  return {
    columns: [
      { name: 'ID', title: 'CONTAINER ID', value: (row) => (whole ? row.id : row.id.slice(0, 12)) },
      { name: 'Image', title: 'IMAGE', value: (row) => row.image },
      { name: 'Command', title: 'COMMAND', value: (row) => quoteCommand(row.command, whole) },
      { name: 'RunningFor', title: 'CREATED', value: (row) => humanAgo(row.createdMs, nowMs) },
      { name: 'Status', title: 'STATUS', value: (row) => formatStatus(row.state, nowMs) },
      {
        name: 'Ports',
        title: 'PORTS',
        value: (row) => (isUp(row.state) ? formatPorts(row.ports, row.exposedPorts) : ''),
      },
      { name: 'Names', title: 'NAMES', value: (row) => row.name },
      { name: 'CreatedAt', title: 'CREATED AT', value: (row) => humanTime(row.createdMs) },
      { name: 'State', title: 'STATE', value: (row) => row.state.kind },
      { name: 'Labels', title: 'LABELS', value: (row) => formatLabels(row.labels) },
      { name: 'Size', title: 'SIZE', value: formatSize },
      { name: 'Mounts', title: 'MOUNTS', value: (row) => formatMounts(row, whole) },
      { name: 'Networks', title: 'NETWORKS', value: (row) => row.network },
      { name: 'LocalVolumes', title: 'LOCAL VOLUMES', value: (row) => String(row.volumeNames.length) },
    ],
    table: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names', ...(sizes ? ['Size'] : [])],
    quiet: 'ID',
    methods: { Label: ({ labels }, name) => labels[name] ?? '' },
  };
}

function quoteCommand(words: readonly string[], whole: boolean): string {
  const text = words.join(' ');
  return JSON.stringify(whole ? text : ellipsis(text, COMMAND_CHARACTERS));
}

/** `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago`, `Created`. */
export function formatStatus(state: ContainerState, nowMs: number): string {
  switch (state.kind) {
    case 'created':
      return 'Created';
    case 'running': {
      const health = { starting: ' (health: starting)', healthy: ' (healthy)', unhealthy: ' (unhealthy)' };
      return `Up ${humanDuration(nowMs - state.startedMs)}${state.health === undefined ? '' : health[state.health]}`;
    }
    case 'paused':
      return `Up ${humanDuration(nowMs - state.startedMs)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${humanAgo(state.finishedMs, nowMs)}`;
    case 'exited':
      return `Exited (${state.exitCode}) ${humanAgo(state.finishedMs, nowMs)}`;
  }
}

/** `81/udp, 0.0.0.0:8080->80/tcp`: those that are not published first. */
export function formatPorts(ports: readonly PortMapping[], exposed: readonly string[] = []): string {
  const published = new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const others = exposed
    .map((port) => (port.includes('/') ? port : `${port}/tcp`))
    .filter((port) => !published.has(port));
  const mapped = ports.map(({ hostIp = '0.0.0.0', hostPort, containerPort, protocol }) => {
    const inside = `${containerPort}/${protocol}`;
    const ip = hostIp.includes(':') ? `[${hostIp}]` : hostIp;
    return hostPort === undefined ? inside : `${ip}:${hostPort}->${inside}`;
  });
  return [...others, ...mapped].join(', ');
}

function formatSize({ size }: ContainerSummary): string {
  return size === undefined ? '' : `${humanSize(size.writableBytes)} (virtual ${humanSize(size.totalBytes)})`;
}

function formatMounts({ volumes, volumeNames }: ContainerSummary, whole: boolean): string {
  const names = volumes.map(({ source }) => volumeNames.find((name) => source.endsWith(`/${name}/_data`)) ?? source);
  return names.map((name) => (whole ? name : ellipsis(name, MOUNT_CHARACTERS))).join(',');
}

export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');
}
