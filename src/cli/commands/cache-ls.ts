import type { CacheEntry } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { humanAgo, humanSize, humanTime } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

const KINDS = ['mount', 'step'] as const;
const SHORT_ID = 12;

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Mounts are directories of RUN --mount=type=cache, steps the results that builds find again. Latest used first.',
  flags: [
    { kind: 'text', name: 'type', value: 'KIND', choices: KINDS, summary: 'only mounts, or only steps' },
    FORMAT_FLAG,
    NO_TRUNC_FLAG,
    quietFlag('print ids only'),
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale cache ls --type mount', says: 'the cache mounts' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const type = flags.text('type');
  const entries = (await engine.cache.list()).filter(({ kind }) => type === undefined || kind === type);
  const options = { format: flags.text('format'), quiet: flags.boolean('quiet') };
  const layout = cacheLayout(context.now(), flags.boolean('no-trunc'));
  await context.stdout.write(formatList(entries, layout, options));
}

/** What `cache ls` shows of an entry. */
export function cacheLayout(nowMs: number, whole: boolean): ListLayout<CacheEntry> {
  return {
    columns: [
      { name: 'ID', title: 'ID', value: ({ id }) => (whole ? id : id.slice(0, SHORT_ID)) },
      { name: 'Type', title: 'TYPE', value: ({ kind }) => kind },
      { name: 'Name', title: 'NAME', value: ({ name }) => name },
      { name: 'Size', title: 'SIZE', value: ({ sizeBytes }) => (sizeBytes === undefined ? '' : humanSize(sizeBytes)) },
      { name: 'Uses', title: 'USES', value: ({ uses }) => String(uses) },
      { name: 'Saves', title: 'SAVES', value: ({ costMs }) => `${(costMs / 1000).toFixed(1)}s` },
      { name: 'LastUsed', title: 'LAST USED', value: ({ lastUsedMs }) => humanAgo(lastUsedMs, nowMs) },
      { name: 'LastUsedAt', title: 'LAST USED AT', value: ({ lastUsedMs }) => humanTime(lastUsedMs) },
      { name: 'CreatedAt', title: 'CREATED AT', value: ({ createdMs }) => humanTime(createdMs) },
      { name: 'InUse', title: 'IN USE', value: ({ inUse }) => String(inUse) },
    ],
    table: ['ID', 'Type', 'Name', 'Size', 'Uses', 'Saves', 'LastUsed', 'InUse'],
    quiet: 'ID',
  };
}
