import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { BuildSummary } from '../../engine/index.ts';
import { type Filters, parseFilters, passes } from '../options/filters.ts';
import { parseMoment } from '../options/times.ts';
import { humanAgo, humanSize, humanTime, shortDigest } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { seconds } from '../progress/plain.ts';
import { FORMAT_FLAG, filterFlag, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

const FILTERS = ['id', 'name', 'status', 'image', 'target', 'context', 'since', 'until'];

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Newest first. Every build leaves a record, also one that failed or was killed. STEPS counts those that were cached and all of them.',
  flags: [
    quietFlag('print ids only'),
    NO_TRUNC_FLAG,
    FORMAT_FLAG,
    filterFlag(FILTERS),
    { kind: 'boolean', name: 'local', summary: 'changes nothing: all builds are local' },
  ],
  refused: [{ name: 'builder', why: 'there is one builder' }],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale builds ls', says: 'all builds that are kept' },
    { command: 'shale builds ls --filter status=error --filter since=24h', says: 'what failed today' },
    { command: "shale builds ls --format '{{.ID}} {{.Duration}}'", says: 'chosen fields' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const nowMs = context.now();
  const engine = await context.engine();
  const rows = (await engine.builds()).filter((row) => matches(row, filters, nowMs));
  const layout = buildLayout({ nowMs, whole: flags.boolean('no-trunc') });
  const format = flags.text('format');
  await context.stdout.write(formatList(rows, layout, { format, quiet: flags.boolean('quiet') }));
}

/** Docker calls builds that ended well `completed`. */
const STATUS_WORDS: Readonly<Record<string, BuildSummary['status']>> = { completed: 'done', failed: 'error' };

function matches(row: BuildSummary, filters: Filters, nowMs: number): boolean {
  return (
    passes(filters, 'id', (id) => row.id.startsWith(id)) &&
    passes(filters, 'name', (name) => row.name.includes(name)) &&
    passes(filters, 'status', (status) => row.status === (STATUS_WORDS[status] ?? status)) &&
    passes(filters, 'image', (image) => image !== '' && shortOrWhole(row.imageId, image)) &&
    passes(filters, 'target', (target) => row.target === target) &&
    passes(filters, 'context', (path) => row.context === path) &&
    passes(filters, 'since', (time) => row.startedMs >= parseMoment('--filter since', time, nowMs)) &&
    passes(filters, 'until', (time) => row.startedMs < parseMoment('--filter until', time, nowMs))
  );
}

function shortOrWhole(imageId: string | undefined, wanted: string): boolean {
  return imageId !== undefined && (imageId.startsWith(wanted) || shortDigest(imageId).startsWith(wanted));
}

export function buildLayout(options: { nowMs: number; whole: boolean }): ListLayout<BuildSummary> {
  const { nowMs, whole } = options;
  return {
    columns: [
      { name: 'ID', title: 'BUILD ID', value: (row) => row.id },
      { name: 'Name', title: 'NAME', value: (row) => row.name },
      { name: 'Status', title: 'STATUS', value: (row) => row.status },
      { name: 'CreatedSince', title: 'CREATED', value: (row) => humanAgo(row.startedMs, nowMs) },
      { name: 'CreatedAt', title: 'CREATED AT', value: (row) => humanTime(row.startedMs) },
      { name: 'Duration', title: 'DURATION', value: (row) => duration(row, nowMs) },
      { name: 'Steps', title: 'STEPS', value: ({ steps }) => `${steps.cached}/${steps.total}` },
      { name: 'TotalSteps', title: 'TOTAL STEPS', value: ({ steps }) => String(steps.total) },
      { name: 'CachedSteps', title: 'CACHED STEPS', value: ({ steps }) => String(steps.cached) },
      { name: 'RanSteps', title: 'RAN STEPS', value: ({ steps }) => String(steps.ran) },
      { name: 'ImageID', title: 'IMAGE ID', value: ({ imageId }) => shownImage(imageId, whole) },
      { name: 'Target', title: 'TARGET', value: ({ target }) => target ?? '' },
      { name: 'Platform', title: 'PLATFORM', value: ({ platform }) => platform },
      { name: 'Dockerfile', title: 'DOCKERFILE', value: ({ dockerfile }) => dockerfile },
      { name: 'Context', title: 'CONTEXT', value: (row) => row.context ?? '' },
      { name: 'LogSize', title: 'LOG SIZE', value: ({ logBytes }) => humanSize(logBytes) },
    ],
    table: ['ID', 'Name', 'Status', 'CreatedSince', 'Duration', 'Steps', 'ImageID'],
    quiet: 'ID',
  };
}

function shownImage(imageId: string | undefined, whole: boolean): string {
  if (imageId === undefined) return '';
  return whole ? imageId : shortDigest(imageId);
}

function duration({ status, startedMs, endedMs }: BuildSummary, nowMs: number): string {
  if (endedMs !== undefined) return seconds(endedMs - startedMs);
  return status === 'running' ? `${seconds(nowMs - startedMs)}+` : '';
}
