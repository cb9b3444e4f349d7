import { accessSync, chmodSync, constants, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, isSystemError, makeFolders, messageOf, randomOf, ShaleError, thisOwner } from '../base/index.ts';
import { Database } from './database.ts';
import { fileError, statOf } from './files.ts';
import { belongsToStore, FIRST_FOLDERS, Layout } from './layout.ts';
import { SessionLease } from './leases.ts';
import { ensureReserve, giveUpCaches, giveUpReserve } from './reserve.ts';
import { FORMAT_VERSION, MIGRATIONS } from './schema.ts';
import { OpenStore } from './store.ts';
import { readVersion, tooNew, writeVersion } from './version-file.ts';
import type { StoreContext } from './context.ts';
import type { Store, StoreOptions } from './types.ts';

const BUSY_TIMEOUT_MS = 30_000;
const ROOT_MODE = 0o700;

/**
 * Opens the store at `options.root`, making it when there is none (unless `readOnly`). An existing store costs a few
 * reads: nothing is swept.
 * @throws STORE_TOO_NEW for a store that a newer shale wrote, STORE_NOT_FOUND, STORE_FOREIGN for a folder that holds
 * something else, STORE_DAMAGED.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const layout = new Layout(options.root);
  const version = readVersion(layout);
  if (version !== undefined && version > FORMAT_VERSION) throw tooNew(layout, version);
  if (version === undefined) {
    if (options.readOnly === true) throw notFound(layout);
    makeStoreFolders(layout);
  }
  const whyReadOnly = options.readOnly === true ? 'it was opened for reading only' : whyNotWritable(layout.root);
  requireDatabase(layout);
  const db = await openDatabase(options, layout, whyReadOnly);
  if (version !== FORMAT_VERSION && whyReadOnly === undefined)
    await writeVersion(options, layout, version === undefined);
  return joinParts(options, layout, db, whyReadOnly);
}

/** SQLite takes an empty file for a new database, and then every blob for one that nothing needs. */
function requireDatabase(layout: Layout): void {
  const size = statOf(layout.databaseFile)?.size;
  if ((size !== undefined && size > 0n) || isEmpty(layout)) return;
  throw lostDatabase(layout, size === undefined ? 'is missing' : 'is empty');
}

function isEmpty(layout: Layout): boolean {
  const folders = [layout.blobs, layout.folder('containers'), layout.folder('volumes')];
  return folders.every((folder) => readNames(folder).length === 0);
}

function lostDatabase(layout: Layout, what: string): ShaleError {
  return new ShaleError('STORE_DAMAGED', `the database ${layout.databaseFile} ${what}`, {
    data: { path: layout.databaseFile },
    hint: 'make it anew with "shale system check --repair"',
  });
}

function joinParts(options: StoreOptions, layout: Layout, db: Database, whyReadOnly: string | undefined): Store {
  const clock = options.clock ?? Date.now;
  const owner = options.owner ?? thisOwner();
  const random = options.randomBytes ?? randomOf;
  const context: StoreContext = {
    layout,
    db,
    owner,
    clock,
    randomBytes: random,
    readOnly: whyReadOnly !== undefined,
    whyReadOnly: whyReadOnly ?? '',
    session: new SessionLease({ db, owner, clock, randomBytes: random }),
  };
  return new OpenStore(context, options.runRoot);
}

function makeStoreFolders(layout: Layout): void {
  try {
    const foreign = readNames(layout.root).find((name) => !belongsToStore(name));
    if (foreign !== undefined) {
      throw new ShaleError(
        'STORE_FOREIGN',
        `${layout.root} is no store and not empty: it holds ${JSON.stringify(foreign)}`,
        {
          data: { root: layout.root },
          hint: 'set SHALE_HOME to an empty folder, or one that does not exist',
        },
      );
    }
    makeFolders(layout.root, { mode: ROOT_MODE });
    chmodSync(layout.root, ROOT_MODE);
    for (const folder of FIRST_FOLDERS) mkdirSync(join(layout.root, folder), { recursive: true, mode: ROOT_MODE });
  } catch (error) {
    throw fileError('cannot make a store in', layout.root, error);
  }
}

function readNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

function whyNotWritable(root: string): string | undefined {
  try {
    accessSync(root, constants.W_OK);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** On a full disk even opening may want room: the reserve is given up for it, and else the store opens for reading. */
async function openDatabase(options: StoreOptions, layout: Layout, whyReadOnly: string | undefined): Promise<Database> {
  try {
    return await openChecked(options, layout, whyReadOnly);
  } catch (error) {
    if (!isShaleError(error, 'NO_SPACE') || whyReadOnly !== undefined) throw error;
    giveUpReserve(layout.reserveFile);
    const db = await openChecked(options, layout, undefined);
    ensureReserve(layout.reserveFile);
    return db;
  }
}

async function openChecked(options: StoreOptions, layout: Layout, whyReadOnly: string | undefined): Promise<Database> {
  const db = new Database({
    file: layout.databaseFile,
    reserveFile: layout.reserveFile,
    giveUpCaches: () => giveUpCaches(layout.folder('sources')),
    readOnly: whyReadOnly !== undefined,
    whyReadOnly: whyReadOnly ?? '',
    busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
  });
  try {
    const version = await db.version();
    if (version > FORMAT_VERSION) throw tooNew(layout, version);
    if (version < FORMAT_VERSION) await migrate(db, layout, version, whyReadOnly);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** All steps in one transaction; another process may have been faster. */
async function migrate(db: Database, layout: Layout, version: number, whyReadOnly: string | undefined): Promise<void> {
  if (whyReadOnly !== undefined) {
    throw new ShaleError(
      'STORE_READ_ONLY',
      `the store ${layout.root} has the old format ${version} and cannot be migrated: ${whyReadOnly}`,
    );
  }
  if (version === 0) await db.useLog();
  await db.migrate((from) => {
    if (from > FORMAT_VERSION) throw tooNew(layout, from);
    // A database that has lost its log, beside a store that is in use.
    if (from === 0 && statOf(layout.versionFile) !== undefined && !isEmpty(layout))
      throw lostDatabase(layout, 'has lost its tables');
    return { statements: MIGRATIONS.slice(from), to: FORMAT_VERSION };
  });
}

function notFound(layout: Layout): ShaleError {
  return new ShaleError('STORE_NOT_FOUND', `there is no store at ${layout.root}`, { data: { root: layout.root } });
}
