import { parseCsv } from './functions/encoding.ts';
import { CallRefused } from './functions/function.ts';

/** `type=registry,ref=x` in parts; a value may be a list (`paths`). Keys in the order in which they were written. */
export type Entry = ReadonlyMap<string, string | readonly string[]>;

export type EntryKind = 'cache' | 'output' | 'secret' | 'ssh' | 'attest';

/** What is no entry. */
export class EntryRefused extends Error {}

/** Reads one entry of a list as the command line takes it. @throws EntryRefused */
export function parseEntry(kind: EntryKind, text: string): Entry {
  const fields = fieldsOf(text);
  const [first = ''] = fields;
  if (kind === 'cache' && fields.length === 1 && !first.includes('='))
    return new Map([
      ['type', 'registry'],
      ['ref', first],
    ]);
  if (kind === 'output' && fields.length === 1 && !first.includes('='))
    return first === '-'
      ? new Map([
          ['type', 'tar'],
          ['dest', '-'],
        ])
      : new Map([
          ['type', 'local'],
          ['dest', first],
        ]);
  if (kind === 'ssh') return sshEntry(text);
  const entry = new Map(fields.map((field) => pairOf(field)));
  const needed = { cache: 'type', output: 'type', attest: 'type', secret: 'id' }[kind];
  if (kind === 'secret' && !entry.has('id') && entry.has('src'))
    throw new EntryRefused(`${JSON.stringify(text)} has no id`);
  if (!entry.has(needed)) throw new EntryRefused(`${JSON.stringify(text)} has no ${needed}`);
  return kind === 'secret' ? secretEntry(entry) : entry;
}

/** Reads one entry that was written as an object. @throws EntryRefused */
export function entryOf(kind: EntryKind, members: ReadonlyMap<string, string | readonly string[]>): Entry {
  const needed = { cache: 'type', output: 'type', attest: 'type', secret: 'id', ssh: 'id' }[kind];
  if (!members.has(needed)) throw new EntryRefused(`the object has no ${needed}`);
  return members;
}

/** The inverse of `parseEntry`: how the command line takes it. */
export function formatEntry(kind: EntryKind, entry: Entry): string {
  if (kind === 'ssh') {
    const id = textIn(entry.get('id'));
    const paths = entry.get('paths');
    return paths === undefined ? id : `${id}=${typeof paths === 'string' ? paths : paths.join(',')}`;
  }
  return Array.from(entry, ([key, value]) =>
    quoted(`${key}=${typeof value === 'string' ? value : value.join(',')}`),
  ).join(',');
}

/** What makes two entries of a list the same one: the later takes the place of the earlier. */
export function identityOf(kind: EntryKind, entry: Entry): string {
  if (kind === 'secret' || kind === 'ssh') return textIn(entry.get('id'));
  if (kind === 'attest') return textIn(entry.get('type'));
  return JSON.stringify([...entry].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function fieldsOf(text: string): readonly string[] {
  try {
    const [row = [], more] = parseCsv(text);
    if (more !== undefined) throw new EntryRefused(`${JSON.stringify(text)} has several lines`);
    return row;
  } catch (error) {
    if (error instanceof CallRefused) throw new EntryRefused(`${JSON.stringify(text)}: ${error.message}`);
    throw error;
  }
}

function pairOf(field: string): readonly [string, string] {
  const equals = field.indexOf('=');
  if (equals <= 0) throw new EntryRefused(`${JSON.stringify(field)} is not KEY=VALUE`);
  return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
}

function sshEntry(text: string): Entry {
  const equals = text.indexOf('=');
  if (equals === -1) return new Map([['id', text]]);
  const id = text.slice(0, equals);
  const rest = text.slice(equals + 1);
  return new Map<string, string | readonly string[]>([
    ['id', id],
    ['paths', rest.split(',')],
  ]);
}

/** `source` is `src`, and with `type=env` it names a variable; so does nothing but an id. */
function secretEntry(entry: ReadonlyMap<string, string>): Entry {
  const source = entry.get('src') ?? entry.get('source');
  const isVariable = entry.get('type') === 'env';
  const env = entry.get('env') ?? (isVariable ? source : undefined);
  return new Map([
    ['id', entry.get('id') ?? ''],
    ...(source !== undefined && !isVariable ? [['src', source] as const] : []),
    ...(env !== undefined ? [['env', env] as const] : []),
  ]);
}

function textIn(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value ?? []).join(',');
}

function quoted(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
