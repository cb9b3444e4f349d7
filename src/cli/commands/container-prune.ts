import type { ContainerPrune, LabelFilter } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseFilters } from '../options/filters.ts';
import { parseMoment } from '../options/times.ts';
import { humanSize } from '../output/human.ts';
import { confirm } from './confirm.ts';
import { FORCE_FLAG } from './list-flags.ts';

const FILTERS = ['until', 'label', 'label!'];

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Removes containers that do not run, with what they wrote. Named and nameless volumes stay.',
  flags: [
    FORCE_FLAG,
    { kind: 'list', name: 'filter', value: 'KEY=VALUE', summary: 'remove only some: until=24h, label=KEY, label!=KEY' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale container prune -f', says: 'without asking' },
    { command: 'shale container prune --filter until=24h', says: 'those that were made more than a day ago' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const which = pruneFilter(flags.list('filter'), context.now());
  if (!flags.boolean('force')) await confirm(context, 'Remove stopped containers?');
  const engine = await context.engine();
  const { removed, reclaimedBytes } = await engine.pruneContainers(which);
  const list = removed.length === 0 ? '' : `Deleted Containers:\n${removed.join('\n')}\n\n`;
  await context.stdout.write(`${list}Total reclaimed space: ${humanSize(reclaimedBytes, 4)}\n`);
}

/** @throws USAGE */
function pruneFilter(words: readonly string[], nowMs: number): ContainerPrune {
  // `label!=x` is the key `label!` of docker's grammar.
  const filters = parseFilters(words, FILTERS);
  const labels = (key: string): readonly LabelFilter[] => (filters.get(key) ?? []).map(labelFilter);
  const until = filters.get('until')?.at(-1);
  return {
    ...(until !== undefined && { untilMs: parseMoment('--filter until', until, nowMs) }),
    labels: labels('label'),
    notLabels: labels('label!'),
  };
}

function labelFilter(text: string): LabelFilter {
  const equals = text.indexOf('=');
  return equals < 0 ? { key: text } : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}
