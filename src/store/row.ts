import type { SQLOutputValue } from 'node:sqlite';
import { ShaleError } from '../base/index.ts';
import { asDiffId, isDigest, type DiffId, type Digest } from '../oci/index.ts';
import type { Json } from './types.ts';

/** One row as SQLite gives it. The readers below say which column did not hold what the schema promises. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

export function text(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : damaged(column, 'a text', value);
}

export function textOrNone(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  return typeof value === 'number' ? value : damaged(column, 'a number', value);
}

export function integerOrNone(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column);
}

export function flag(row: Row, column: string): boolean {
  return integer(row, column) !== 0;
}

export function digest(row: Row, column: string): Digest {
  const value = row[column];
  return isDigest(value) ? value : damaged(column, 'a digest', value);
}

export function digestOrNone(row: Row, column: string): Digest | undefined {
  return row[column] === null ? undefined : digest(row, column);
}

export function diffId(row: Row, column: string): DiffId {
  return asDiffId(digest(row, column));
}

export function json(row: Row, column: string): Json {
  return parseJson(text(row, column), column);
}

/** A JSON column of which we know the shape, because only this folder writes it; a list where it should be one. */
export function jsonList<T>(row: Row, column: string): readonly T[] {
  const value: unknown = parseJson(text(row, column), column);
  if (!Array.isArray(value)) return damaged(column, 'a list', null);
  return value; // Written by this folder from a list of T; the database is not a border.
}

function parseJson(source: string, column: string): Json {
  try {
    return JSON.parse(source) as Json; // JSON.parse gives nothing but JSON.
  } catch {
    return damaged(column, 'JSON', source.slice(0, 100));
  }
}

/** JSON text for a column; undefined becomes null. */
export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}

export function toFlag(value: boolean): number {
  return value ? 1 : 0;
}

function damaged(column: string, wanted: string, value: unknown): never {
  throw new ShaleError('STORE_DAMAGED', `the store's database holds no ${wanted} in column ${column}`, {
    data: { column, value },
    hint: 'run "shale system check"',
  });
}
