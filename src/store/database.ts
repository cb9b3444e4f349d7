import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  fdatasync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
// node:sqlite: several processes, transactions and crash safety in what Node already carries.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { isSystemError, messageOf, ShaleError } from '../base/index.ts';
import { fileError } from './files.ts';
import { ensureReserve, giveUpReserve } from './reserve.ts';
import type { Row } from './row.ts';

/** What work inside a transaction may do. All of it is synchronous, so that no transaction lasts across a wait. */
export interface Sql {
  all(query: string, ...values: SQLInputValue[]): readonly Row[];
  first(query: string, ...values: SQLInputValue[]): Row | undefined;
  /** Gives the number of rows changed. */
  run(query: string, ...values: SQLInputValue[]): number;
  lastInsertId(): number;
}

export interface WriteOptions {
  /** fsync at commit: what is written survives a power cut when the promise resolves. */
  readonly durable?: boolean;
  /** The write leads to space being freed: on a full disk the reserve is given up for it. */
  readonly frees?: boolean;
}

export interface DatabaseOptions {
  readonly file: string;
  readonly reserveFile: string;
  /** Removes what is a cache and has no record; false when there was nothing. */
  readonly giveUpCaches: () => boolean;
  readonly readOnly: boolean;
  readonly whyReadOnly: string;
  readonly busyTimeoutMs: number;
}

/** SQLite blocks the event loop while it waits, so it waits this long only and we retry on a timer. */
const BLOCKING_WAIT_MS = 4;
const RETRY_MAX_MS = 20;

/** One connection. Reads see one state each; writes are short `BEGIN IMMEDIATE` transactions. */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #cleanUp: () => void;
  readonly #sql: Sql;
  #closed = false;
  /** As SQLite begins; NORMAL is set before the first write that may have it. */
  #synchronous: 'OFF' | 'NORMAL' | 'FULL' = 'FULL';

  constructor(options: DatabaseOptions) {
    this.#options = options;
    const opened = options.readOnly ? openReadOnly(options.file) : openWritable(options.file);
    this.#db = opened.db;
    this.#cleanUp = opened.cleanUp;
    this.#sql = {
      all: (query, ...values) => this.#statement(query).all(...values),
      first: (query, ...values) => this.#statement(query).get(...values),
      run: (query, ...values) => Number(this.#statement(query).run(...values).changes),
      lastInsertId: () => Number(this.#statement('SELECT last_insert_rowid() AS id').get()?.['id'] ?? 0),
    };
  }

  /** Runs `work` on one consistent state. */
  async read<T>(work: (sql: Sql) => T): Promise<T> {
    return await this.#retry(() => this.#transact('BEGIN', work));
  }

  /** Runs `work` in a write transaction: all of it or nothing. `work` may run more than once and must not wait. */
  async write<T>(work: (sql: Sql) => T, options: WriteOptions = {}): Promise<T> {
    if (this.#options.readOnly) throw this.#readOnlyError();
    try {
      return await this.#retry(() => this.#writeOnce(work, options));
    } catch (error) {
      if (options.frees !== true || !isNoSpace(error)) throw error;
      return await this.#writeWithoutRoom(work, options, error);
    }
  }

  /** The disk is full: the write is tried again after each thing that makes room for it. */
  async #writeWithoutRoom<T>(work: (sql: Sql) => T, options: WriteOptions, why: unknown): Promise<T> {
    const { reserveFile, giveUpCaches } = this.#options;
    // With the reserve given up the log can be emptied, so that it takes less of that room than it gives back.
    const giveUp = (): boolean => giveUpReserve(reserveFile) && (this.#emptyLog(), true);
    for (const makeRoom of [giveUp, () => this.#emptyLog(), giveUpCaches]) {
      if (!makeRoom()) continue;
      try {
        const result = await this.#retry(() => this.#writeOnce(work, options));
        ensureReserve(reserveFile);
        return result;
      } catch (error) {
        if (!isNoSpace(error)) throw error;
      }
    }
    throw why;
  }

  /** Puts what the log holds into the database, and gives its room back; false when others read it, or there is no room for that. */
  #emptyLog(): boolean {
    try {
      return this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0;
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error;
      return false;
    }
  }

  /**
   * Brings to disk what any process has written: their transactions need not be durable, and what they took away must not
   * come back once the files that it led to are gone.
   */
  settle(): void {
    let fd: number;
    try {
      fd = openSync(`${this.#options.file}-wal`, constants.O_RDONLY);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return; // Without a log all is in the database, and was synced.
      throw error;
    }
    try {
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * As `settle`, without blocking this process: a write that is followed by this is durable, and no lock is held while the
   * disk works, so that processes that write at the same time share what it does. @throws STORE_IO
   */
  async settled(): Promise<void> {
    const file = `${this.#options.file}-wal`;
    try {
      // The log, and the name of one that has just been begun.
      for (const path of [file, dirname(file)]) await syncFile(path);
    } catch (error) {
      throw fileError('cannot sync', file, error);
    }
  }

  /** `user_version`: the format of the database. */
  async version(): Promise<number> {
    return await this.#retry(() => this.#guard(() => this.#userVersion()));
  }

  /** Turns on the write-ahead log of a new database. Not durable: whoever makes a store syncs it as a whole. */
  async useLog(): Promise<void> {
    this.#setSynchronous('OFF');
    await this.#retry(() => this.#exec('PRAGMA journal_mode = WAL'));
  }

  /** Brings the schema up to date in one transaction; `plan` is given the version that it then has. */
  async migrate(
    plan: (from: number) => { readonly statements: readonly string[]; readonly to: number },
  ): Promise<void> {
    const step = (): void => {
      const { statements, to } = plan(this.#userVersion());
      for (const statement of statements) this.#db.exec(statement);
      this.#db.exec(`PRAGMA user_version = ${to}`);
    };
    await this.#retry(() => this.#transact('BEGIN IMMEDIATE', step));
  }

  #setSynchronous(level: 'OFF' | 'NORMAL' | 'FULL'): void {
    if (level === this.#synchronous) return;
    this.#exec(`PRAGMA synchronous = ${level}`);
    this.#synchronous = level;
  }

  #userVersion(): number {
    return Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  }

  #exec(statements: string): void {
    this.#guard(() => this.#db.exec(statements));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#db.close();
    this.#cleanUp();
  }

  /** Ends the use of the connection without closing it, which would cost a checkpoint. */
  leave(): void {
    this.#closed = true;
  }

  #writeOnce<T>(work: (sql: Sql) => T, options: WriteOptions): T {
    this.#setSynchronous(options.durable === true ? 'FULL' : 'NORMAL');
    return this.#transact('BEGIN IMMEDIATE', work);
  }

  #transact<T>(begin: string, work: (sql: Sql) => T): T {
    return this.#guard(() => {
      this.#db.exec(begin);
      try {
        const result = work(this.#sql);
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLite has already rolled back after some failures.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  async #retry<T>(attempt: () => T): Promise<T> {
    let deadline: number | undefined;
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        return attempt();
      } catch (error) {
        if (!(error instanceof ShaleError) || error.code !== 'STORE_BUSY') throw error;
        deadline ??= performance.now() + this.#options.busyTimeoutMs;
        if (performance.now() > deadline) throw error;
        await sleep(waitMs);
      }
    }
  }

  #guard<T>(work: () => T): T {
    if (this.#closed) throw new ShaleError('STORE_CLOSED', `the store is closed: ${this.#options.file}`);
    try {
      return work();
    } catch (error) {
      throw databaseError(this.#options.file, error);
    }
  }

  #statement(query: string): StatementSync {
    let statement = this.#statements.get(query);
    if (statement === undefined) {
      statement = this.#db.prepare(query);
      this.#statements.set(query, statement);
    }
    return statement;
  }

  #readOnlyError(): ShaleError {
    return new ShaleError('STORE_READ_ONLY', `the store cannot be written: ${this.#options.whyReadOnly}`, {
      data: { path: this.#options.file },
    });
  }
}

const sync = promisify(fdatasync);

/** What is not there has nothing to be brought to disk. */
async function syncFile(path: string): Promise<void> {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw error;
  }
  try {
    await sync(fd);
  } finally {
    closeSync(fd);
  }
}

interface Opened {
  readonly db: DatabaseSync;
  readonly cleanUp: () => void;
}

function openWritable(file: string): Opened {
  try {
    return { db: new DatabaseSync(file, { timeout: BLOCKING_WAIT_MS }), cleanUp: () => {} };
  } catch (error) {
    throw databaseError(file, error);
  }
}

/**
 * A database in WAL mode wants a shared-memory file beside it. On a read-only mount it cannot be made, so: as it is;
 * else unchanging, when there is no log; else a private copy of database and log.
 */
function openReadOnly(file: string): Opened {
  try {
    return { db: probed(new DatabaseSync(file, { readOnly: true, timeout: BLOCKING_WAIT_MS })), cleanUp: () => {} };
  } catch (error) {
    const code = sqliteCode(error);
    if (code !== SQLITE_CANTOPEN && code !== SQLITE_READONLY && code !== SQLITE_IOERR) throw databaseError(file, error);
  }
  try {
    const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
    return log === undefined || log.size === 0 ? openUnchanging(file) : openCopy(file);
  } catch (error) {
    throw databaseError(file, error);
  }
}

function openUnchanging(file: string): Opened {
  const url = pathToFileURL(file);
  url.searchParams.set('immutable', '1');
  return { db: probed(new DatabaseSync(url, { readOnly: true })), cleanUp: () => {} };
}

function openCopy(file: string): Opened {
  const folder = mkdtempSync(join(tmpdir(), 'shale-store-'));
  const cleanUp = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    copyFileSync(file, join(folder, 'shale.db'));
    copyFileSync(`${file}-wal`, join(folder, 'shale.db-wal'));
    return { db: probed(new DatabaseSync(join(folder, 'shale.db'))), cleanUp };
  } catch (error) {
    cleanUp();
    throw error;
  }
}

function probed(db: DatabaseSync): DatabaseSync {
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
const SQLITE_IOERR_SHMSIZE = 4874;
const SQLITE_IOERR_WRITE = 778;

/** The primary result code of an error of SQLite. */
function sqliteCode(error: unknown): number | undefined {
  const extended = extendedCode(error);
  return extended === undefined ? undefined : extended & 0xff;
}

function extendedCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode;
}

function isNoSpace(error: unknown): boolean {
  return error instanceof ShaleError && error.code === 'NO_SPACE';
}

/** What SQLite says, as the store's own errors; anything else passes as it is. */
function databaseError(file: string, error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const details = { data: { path: file, errcode: extendedCode(error) }, cause: error };
  const said = messageOf(error);
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new ShaleError('STORE_BUSY', `another process keeps writing to ${file}`, details);
    case SQLITE_FULL:
      return noSpace(file, details);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return new ShaleError('STORE_READ_ONLY', `cannot write ${file}: ${whyReadOnly(file)}`, details);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new ShaleError('STORE_DAMAGED', `the database ${file} is damaged: ${said}`, {
        ...details,
        hint: 'run "shale system check"',
      });
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (extendedCode(error) === SQLITE_IOERR_SHMSIZE) return noSpace(file, details);
      return new ShaleError(
        'STORE_IO',
        `cannot ${extendedCode(error) === SQLITE_IOERR_WRITE ? 'write' : 'use'} ${file}: ${said}`,
        details,
      );
    default:
      return error;
  }
}

function noSpace(
  file: string,
  details: { readonly data: Record<string, unknown>; readonly cause: unknown },
): ShaleError {
  return new ShaleError('NO_SPACE', `no space left on device: cannot write ${file}`, {
    ...details,
    hint: 'free some with "shale system prune"',
  });
}

function whyReadOnly(file: string): string {
  try {
    accessSync(file, constants.W_OK);
    return 'it was opened for reading only';
  } catch (error) {
    return isSystemError(error, 'EROFS') ? 'read-only file system (EROFS)' : messageOf(error);
  }
}
