import { closeSync, constants, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { isSystemError } from '../base/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { fileError } from './files.ts';
import type { Layout } from './layout.ts';
import type { Row } from './row.ts';
import { stagingPath } from './staging.ts';

/** The columns of `tag_log`, as lines of the journal have them. */
const COLUMNS = ['seq', 'name', 'from_kind', 'from_digest', 'to_kind', 'to_digest', 'at', 'reason', 'origin'] as const;

type Place = Pick<StoreContext, 'layout' | 'owner'>;

/**
 * Writes the row of `tag_log` with this number down in `tags.log` too, within its transaction (docs/formats/store.md,
 * "What is known without the database"). @throws NO_SPACE, STORE_IO, STORE_READ_ONLY
 */
export function appendToJournal(place: Place, sql: Sql, seq: number): void {
  const path = place.layout.tagJournal;
  try {
    const fd = openExisting(path);
    if (fd === undefined) return writeJournal(place, sql);
    try {
      const row = sql.first('SELECT * FROM tag_log WHERE seq = ?', seq);
      if (row !== undefined) writeFileSync(fd, lineOf(row));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw fileError('cannot write', path, error);
  }
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** All of it anew, in one rename; within a write transaction, so that nobody appends meanwhile. */
export function writeJournal(place: Place, sql: Sql): void {
  const lines = sql.all('SELECT * FROM tag_log ORDER BY seq').map(lineOf);
  const staged = stagingPath(place);
  writeFileSync(staged, lines.join(''), { mode: 0o600 });
  renameSync(staged, place.layout.tagJournal);
}

function lineOf(row: Row): string {
  const json = JSON.stringify(Object.fromEntries(COLUMNS.map((column) => [column, row[column] ?? null])));
  return `\n${sumOf(json)} ${json}`;
}

function sumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}

/** The moves of `tags.log` that are whole, in their order; undefined where there is no such file. */
export function readJournal(layout: Layout): readonly Row[] | undefined {
  let source: string;
  try {
    source = readFileSync(layout.tagJournal, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw fileError('cannot read', layout.tagJournal, error);
  }
  const moves = new Map<number, Row>();
  for (const line of source.split('\n')) {
    const row = moveIn(line);
    if (row !== undefined) moves.set(Number(row['seq']), row);
  }
  return [...moves.values()].toSorted((a, b) => Number(a['seq']) - Number(b['seq']));
}

function moveIn(line: string): Row | undefined {
  const [sum, json] = [line.slice(0, 8), line.slice(9)];
  if (json === '' || sumOf(json) !== sum) return undefined;
  return JSON.parse(json) as Row; // Written by lineOf: its sum says so.
}

/** Whether the journal says of every tag what the database says; asked within a transaction. */
export function isJournalCurrent(layout: Layout, sql: Sql): boolean {
  const moves = readJournal(layout);
  if (moves === undefined) return sql.first('SELECT 1 FROM tag_log LIMIT 1') === undefined;
  const tags = tagsAfter(moves);
  const rows = sql.all('SELECT * FROM tags');
  return (
    rows.length === tags.size && rows.every((row) => tags.get(String(row['name']))?.['to_digest'] === row['digest'])
  );
}

/** By name, the last move of every tag that is there after them. */
export function tagsAfter(moves: readonly Row[]): ReadonlyMap<string, Row> {
  const tags = new Map<string, Row>();
  for (const move of moves) {
    if (move['to_digest'] === null) tags.delete(String(move['name']));
    else tags.set(String(move['name']), move);
  }
  return tags;
}

/** A row as it was, for a database that has lost it. */
export function restoreMove(sql: Sql, row: Row): void {
  const values = COLUMNS.map((column) => row[column] ?? null);
  sql.run(`INSERT OR IGNORE INTO tag_log (${COLUMNS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, ...values);
}
