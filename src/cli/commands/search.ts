import type { FoundRepository } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { ellipsis } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { UsageError } from '../usage-error.ts';
import { FORMAT_FLAG, NO_TRUNC_FLAG } from './list-flags.ts';

const DESCRIPTION_CHARACTERS = 45;
const LIMIT_MAX = 100;

export const command: Command = {
  usage: '[OPTIONS] [REGISTRY/]TERM',
  description:
    'Asks Docker Hub’s search; of another registry the names of all its repositories, where it tells them. Those have ' +
    'neither descriptions nor stars.',
  flags: [
    { kind: 'text', name: 'limit', value: 'N', default: '25', summary: 'show at most so many' },
    NO_TRUNC_FLAG,
    FORMAT_FLAG,
  ],
  refused: [{ name: 'filter', short: 'f', why: 'results are not filtered', instead: 'shale search … | grep' }],
  args: { min: 1, max: 1 },
  examples: [
    { command: 'shale search nginx', says: 'on Docker Hub' },
    { command: 'shale search registry.example:5000/web', says: 'among the repositories of a registry' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const limit = Number(flags.text('limit'));
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw new UsageError(`--limit is 1 to ${LIMIT_MAX}, not ${JSON.stringify(flags.text('limit'))}`);
  const [, host, term = ''] = /^(?:([^/]*[.:][^/]*|localhost)\/)?(.*)$/.exec(args[0] ?? '') ?? [];
  const engine = await context.engine();
  const found = await engine.registry.search({ registry: host ?? 'docker.io', term, limit }, context.signal);
  const layout = searchLayout(flags.boolean('no-trunc'));
  await context.stdout.write(formatList(found, layout, { format: flags.text('format'), quiet: false }));
}

/** Docker's columns. */
function searchLayout(whole: boolean): ListLayout<FoundRepository> {
  const description = (text: string): string => {
    const line = text.replaceAll(/\s+/g, ' ');
    return whole ? line : ellipsis(line, DESCRIPTION_CHARACTERS);
  };
  return {
    columns: [
      { name: 'Name', title: 'NAME', value: (row) => row.name },
      { name: 'Description', title: 'DESCRIPTION', value: (row) => description(row.description) },
      { name: 'StarCount', title: 'STARS', value: (row) => String(row.stars) },
      { name: 'IsOfficial', title: 'OFFICIAL', value: (row) => (row.official ? '[OK]' : '') },
    ],
    table: ['Name', 'Description', 'StarCount', 'IsOfficial'],
    quiet: 'Name',
  };
}
