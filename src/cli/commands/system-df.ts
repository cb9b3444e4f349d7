import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { ContainerSummary, ImageUsage, UsageItems, UsageRow } from '../../engine/index.ts';
import { humanSize } from '../output/human.ts';
import { formatList, type ListLayout, recordsOf } from '../output/list.ts';
import { UsageError } from '../usage-error.ts';
import { cacheLayout } from './cache-ls.ts';
import { imageLayout } from './images.ts';
import { FORMAT_FLAG } from './list-flags.ts';
import { containerLayout } from './ps.ts';

const DIGITS = 4;

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Derived is what can be rebuilt from the rest at any time: indexes and unpacked layers. With -v each image, container, volume and cache entry has a line, as a table or JSON; what images share is counted for each of them.',
  flags: [
    { kind: 'boolean', name: 'verbose', short: 'v', summary: 'show what each image, container and volume takes' },
    FORMAT_FLAG,
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale system df', says: 'how much room what takes' },
    { command: 'shale system df -v', says: 'each by itself, with what would be free without it' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const format = flags.text('format');
  if (!flags.boolean('verbose')) {
    const rows = await (await context.engine()).usage();
    return context.stdout.write(formatList(rows, USAGE_LAYOUT, { format }));
  }
  if (format !== undefined && format !== 'json' && format !== 'table')
    throw new UsageError(`--format ${format}`, 'json or table, with --verbose');
  const items = await (await context.engine()).usageItems();
  const sections = sectionsOf(items, context.now());
  await context.stdout.write(format === 'json' ? jsonOf(sections) : textOf(sections));
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

interface Section {
  /** Its name in docker's JSON. */
  readonly key: string;
  readonly title: string;
  readonly table: () => string;
  readonly records: () => Record<string, string>[];
}

function sectionsOf({ images, containers, volumes, buildCache }: UsageItems, nowMs: number): readonly Section[] {
  const section = <Row>(key: string, title: string, rows: readonly Row[], layout: ListLayout<Row>): Section => ({
    key,
    title,
    table: () => formatList(rows, layout, {}),
    records: () => recordsOf(rows, layout),
  });
  const cacheBytes = buildCache.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  return [
    section('Images', 'Images space usage:', images, imageUsageLayout(nowMs)),
    section('Containers', 'Containers space usage:', containers, containerUsageLayout(nowMs)),
    section('Volumes', 'Local Volumes space usage:', volumes, VOLUME_LAYOUT),
    section('BuildCache', `Build cache usage: ${humanSize(cacheBytes, DIGITS)}`, buildCache, cacheLayout(nowMs, false)),
  ];
}

function textOf(sections: readonly Section[]): string {
  return sections.map(({ title, table }) => `${title}\n\n${table()}`).join('\n');
}

/** One object; each row as `--format json` has it elsewhere. */
function jsonOf(sections: readonly Section[]): string {
  return `${JSON.stringify(Object.fromEntries(sections.map(({ key, records }) => [key, records()])))}\n`;
}

function imageUsageLayout(nowMs: number): ListLayout<ImageUsage> {
  const { columns, ...layout } = imageLayout({ nowMs, whole: false, digests: false });
  return {
    ...layout,
    columns: [
      ...columns,
      { name: 'SharedSize', title: 'SHARED SIZE', value: (row) => humanSize(row.sharedBytes) },
      { name: 'UniqueSize', title: 'UNIQUE SIZE', value: (row) => humanSize(row.uniqueBytes) },
      { name: 'Containers', title: 'CONTAINERS', value: (row) => String(row.containers) },
    ],
    table: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers'],
  };
}

function containerUsageLayout(nowMs: number): ListLayout<ContainerSummary> {
  const { columns, ...layout } = containerLayout({ nowMs, whole: false });
  return {
    ...layout,
    columns: columns.map((column) =>
      column.name === 'Size' ? { ...column, value: ({ size }) => humanSize(size?.writableBytes ?? 0) } : column,
    ),
    table: ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names'],
  };
}

const VOLUME_LAYOUT: ListLayout<UsageItems['volumes'][number]> = {
  columns: [
    { name: 'Name', title: 'VOLUME NAME', value: (row) => row.name },
    { name: 'Links', title: 'LINKS', value: (row) => String(row.containers) },
    { name: 'Size', title: 'SIZE', value: (row) => humanSize(row.sizeBytes) },
  ],
  table: ['Name', 'Links', 'Size'],
  quiet: 'Name',
};
