import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseFilters, passesLabels } from '../options/filters.ts';
import { confirm } from './confirm.ts';
import { FORCE_FLAG } from './list-flags.ts';

const FILTERS = ['label'];

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Removes the networks that were made by name and that no running container is on.',
  flags: [
    FORCE_FLAG,
    { kind: 'list', name: 'filter', value: 'KEY=VALUE', summary: `only some, by ${FILTERS.join(', ')}` },
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale network prune -f', says: 'without asking' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  if (!flags.boolean('force')) await confirm(context, 'Remove all networks that no running container is on?');
  const engine = await context.engine();
  const names = await engine.pruneNetworks((network) => passesLabels(filters, network.labels));
  if (names.length > 0) await context.stdout.write(`Deleted Networks:\n${names.join('\n')}\n\n`);
}
