import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseFilters } from '../options/filters.ts';
import { humanSize } from '../output/human.ts';
import { confirm } from './confirm.ts';
import { FORCE_FLAG } from './list-flags.ts';
import { matchesVolume } from './volume-ls.ts';

const FILTERS = ['all', 'label'];

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Removes the nameless volumes that no container has; with --all the named ones too.',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'named volumes too' },
    FORCE_FLAG,
    { kind: 'list', name: 'filter', value: 'KEY=VALUE', summary: `only some, by ${FILTERS.join(', ')}` },
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale volume prune -a -f', says: 'everything that is not in use, without asking' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const all = flags.boolean('all') || filters.get('all')?.some((word) => /^(true|1)$/i.test(word)) === true;
  const what = all ? 'all volumes' : 'all nameless volumes';
  if (!flags.boolean('force')) await confirm(context, `Remove ${what} that no container has?`);
  const engine = await context.engine();
  const { names, reclaimedBytes } = await engine.pruneVolumes({
    all,
    matches: (volume) => matchesVolume(volume, filters),
  });
  const list = names.length === 0 ? '' : `Deleted Volumes:\n${names.join('\n')}\n\n`;
  await context.stdout.write(`${list}Total reclaimed space: ${humanSize(reclaimedBytes, 4)}\n`);
}
