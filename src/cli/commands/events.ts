import type { ContainerEvent } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { type Filters, parseFilters, passes, passesLabels } from '../options/filters.ts';
import { parseMoment } from '../options/times.ts';
import { compileTemplate } from '../output/template.ts';
import { filterFlag } from './list-flags.ts';

const FILTERS = ['type', 'event', 'container', 'image', 'label', 'scope', 'volume', 'network'];
const NS_PER_MS = 1_000_000;

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'What happens to containers and images, by whatever command; until Ctrl-C, or the time of --until.',
  flags: [
    { kind: 'text', name: 'since', value: 'TIME', summary: 'begin with what has happened since: 10m, or a date' },
    { kind: 'text', name: 'until', value: 'TIME', summary: 'end at this time' },
    filterFlag(FILTERS),
    { kind: 'text', name: 'format', value: 'FORMAT', summary: 'json, or a Go template as "{{.Action}}"' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale events --filter event=die', says: 'whenever a container ends' },
    { command: 'shale events --since 1h --until 0s', says: 'what has happened in the last hour' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const filters = parseFilters(flags.list('filter'), FILTERS);
  const format = flags.text('format');
  const show = format === undefined ? formatEvent : formatter(format);
  const [since, until] = [flags.text('since'), flags.text('until')];
  const query = {
    ...(since !== undefined && { sinceMs: parseMoment('--since', since, context.now()) }),
    ...(until !== undefined && { untilMs: parseMoment('--until', until, context.now()) }),
  };
  const engine = await context.engine();
  for await (const event of engine.events(query, { signal: context.signal })) {
    if (matches(event, filters)) await context.stdout.write(`${show(event)}\n`);
  }
}

function matches(event: ContainerEvent, filters: Filters): boolean {
  const { type, action, id, attributes } = event;
  const isObject = (kind: string) => (name: string) =>
    type === kind && (id.startsWith(name) || attributes['name'] === name);
  return (
    passes(filters, 'type', (wanted) => type === wanted) &&
    // `health_status` matches `health_status: healthy`, as `exec_start` does.
    passes(filters, 'event', (wanted) => action === wanted || action.startsWith(`${wanted}:`)) &&
    passes(filters, 'container', isObject('container')) &&
    passes(filters, 'volume', isObject('volume')) &&
    passes(filters, 'network', isObject('network')) &&
    passes(filters, 'image', (name) => attributes['image'] === name || isObject('image')(name)) &&
    passes(filters, 'scope', (scope) => scope === 'local') &&
    passesLabels(filters, attributes)
  );
}

/** Docker's line: time, type, action, id and the attributes by name. */
export function formatEvent({ atMs, type, action, id, attributes }: ContainerEvent): string {
  const pairs = Object.entries(attributes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const tail = pairs.length === 0 ? '' : ` (${pairs.join(', ')})`;
  return `${new Date(atMs).toISOString().replace('Z', '000000Z')} ${type} ${action} ${id}${tail}`;
}

function formatter(format: string): (event: ContainerEvent) => string {
  if (format === 'json') return (event) => JSON.stringify(eventJson(event));
  const template = compileTemplate(format);
  return (event) => template.render(eventJson(event));
}

function eventJson({ atMs, type, action, id, attributes }: ContainerEvent): Record<string, unknown> {
  return {
    ...(type === 'container' && { status: action, id, from: attributes['image'] ?? '' }),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: 'local',
    time: Math.floor(atMs / 1000),
    // As a text of digits it would be exact; docker has a number.
    timeNano: atMs * NS_PER_MS,
  };
}
