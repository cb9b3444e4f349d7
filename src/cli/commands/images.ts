import { matchesGlob } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { ImageSummary } from '../../engine/index.ts';
import { type Filters, parseFilters, passes, passesLabels } from '../options/filters.ts';
import { humanAgo, humanSize, humanTime, shortDigest } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, filterFlag, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

const FILTERS = ['dangling', 'reference', 'label'];
const NONE = '<none>';

export const command: Command = {
  usage: '[OPTIONS] [NAME[:TAG]]',
  description: 'CREATED is when the tag was last moved here; "shale inspect" shows the date in the image as well.',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'show images that only other images are made of too' },
    quietFlag('print ids only'),
    NO_TRUNC_FLAG,
    { kind: 'boolean', name: 'digests', summary: 'show digests of manifests' },
    FORMAT_FLAG,
    filterFlag(FILTERS),
  ],
  refused: [{ name: 'tree', why: 'platforms are not listed one by one', instead: 'shale inspect IMAGE' }],
  args: { min: 0, max: 1, complete: 'image' },
  examples: [
    { command: 'shale images', says: 'all images' },
    { command: 'shale images -q --filter dangling=true', says: 'ids of images without a name' },
    { command: "shale images --format '{{.Repository}}:{{.Tag}} {{.Size}}'", says: 'chosen fields' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const [name] = args;
  const engine = await context.engine();
  const rows = (await engine.images({ all: flags.boolean('all') }))
    .filter((row) => name === undefined || matchesReference(row, name))
    .filter((row) => matches(row, filters));
  const layout = imageLayout({
    nowMs: context.now(),
    whole: flags.boolean('no-trunc'),
    digests: flags.boolean('digests'),
  });
  const format = flags.text('format');
  await context.stdout.write(formatList(rows, layout, { format, quiet: flags.boolean('quiet') }));
}

function matches(row: ImageSummary, filters: Filters): boolean {
  return (
    passes(filters, 'dangling', (value) => (row.tag === undefined) === (value === 'true' || value === '1')) &&
    passes(filters, 'reference', (pattern) => matchesReference(row, pattern)) &&
    passesLabels(filters, row.labels)
  );
}

/** `debian`, `debian:trixie`, `deb*:*-slim`; a pattern without a tag means every tag. */
function matchesReference({ tag }: ImageSummary, pattern: string): boolean {
  if (tag === undefined) return false;
  const [wantedName, wantedTag] = splitTag(pattern.replace(/^(docker\.io\/)?(library\/)?/, ''));
  return matchesGlob(tag.repository, wantedName) && (wantedTag === undefined || matchesGlob(tag.tag, wantedTag));
}

function splitTag(reference: string): readonly [string, string | undefined] {
  const colon = reference.lastIndexOf(':');
  return colon > reference.lastIndexOf('/')
    ? [reference.slice(0, colon), reference.slice(colon + 1)]
    : [reference, undefined];
}

/** Docker's columns. */
export function imageLayout(options: { nowMs: number; whole: boolean; digests: boolean }): ListLayout<ImageSummary> {
  const { nowMs, whole, digests } = options;
  return {
    columns: [
      { name: 'Repository', title: 'REPOSITORY', value: (row) => row.tag?.repository ?? NONE },
      { name: 'Tag', title: 'TAG', value: (row) => row.tag?.tag ?? NONE },
      { name: 'Digest', title: 'DIGEST', value: (row) => row.digest ?? NONE },
      { name: 'ID', title: 'IMAGE ID', value: (row) => (whole ? row.id : shortDigest(row.id)) },
      { name: 'CreatedSince', title: 'CREATED', value: (row) => humanAgo(row.taggedMs, nowMs) },
      { name: 'CreatedAt', title: 'CREATED AT', value: (row) => humanTime(row.taggedMs) },
      { name: 'Size', title: 'SIZE', value: (row) => humanSize(row.sizeBytes) },
    ],
    table: ['Repository', 'Tag', ...(digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size'],
    quiet: 'ID',
  };
}
