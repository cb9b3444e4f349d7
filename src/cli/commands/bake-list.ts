import { toJson, type Definition, type VariableInfo } from '../../bake/index.ts';
import { formatTable } from '../output/table.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';

/** `--list`: what a definition has, as a table or as buildx's JSON. @throws USAGE */
export function formatBakeList(definition: Definition, asked: string): string {
  const { type, format } = readAsked(asked);
  const rows = type === 'targets' ? targetRows(definition) : definition.variables.map(variableRow);
  if (format === 'json')
    return `${JSON.stringify(
      rows.map(({ data }) => data),
      null,
      2,
    )}\n`;
  const head = type === 'targets' ? ['TARGET', 'DESCRIPTION'] : ['VARIABLE', 'TYPE', 'VALUE', 'DESCRIPTION'];
  return formatTable([head, ...rows.map(({ cells }) => cells.map(displayLine))]);
}

/** `targets`, or `type=targets,format=json`. */
function readAsked(asked: string): { readonly type: 'targets' | 'variables'; readonly format: 'table' | 'json' } {
  const pairs = new Map(
    asked.split(',').map((part) => (part.includes('=') ? (part.split('=', 2) as [string, string]) : ['type', part])),
  );
  const type = pairs.get('type');
  const format = pairs.get('format') ?? 'table';
  const isKnown = [...pairs.keys()].every((key) => key === 'type' || key === 'format');
  if ((type !== 'targets' && type !== 'variables') || (format !== 'table' && format !== 'json') || !isKnown)
    throw new UsageError(
      `--list takes targets or variables, not ${JSON.stringify(asked)}`,
      '--list type=targets,format=json',
    );
  return { type, format };
}

interface Row {
  readonly cells: readonly string[];
  readonly data: object;
}

/** Names that begin with "_" are for inheriting only, by custom. */
function targetRows({ targets, groups }: Definition): Row[] {
  const rows = new Map<string, Row>();
  for (const { name, fields } of targets) {
    const description = fields.get('text', 'description') ?? '';
    rows.set(name, { cells: [name, description], data: { name, ...(description !== '' && { description }) } });
  }
  for (const { name, description, targets: members } of groups) {
    const about = [description, members.join(', ')].filter((text) => text !== '').join(' ');
    rows.set(name, { cells: [name, about], data: { name, description: about, group: true } });
  }
  return [...rows]
    .filter(([name]) => !name.startsWith('_'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
}

function variableRow({ name, type, value, description }: VariableInfo): Row {
  const plain = toJson(value);
  const text = plain === null ? '<null>' : typeof plain === 'string' ? plain : JSON.stringify(plain);
  return {
    cells: [name, type, text, description],
    data: {
      name,
      ...(description !== '' && { description }),
      ...(type !== '' && { type }),
      ...(plain !== null && { value: text }),
    },
  };
}
