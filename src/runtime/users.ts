import { ShaleError } from '../base/index.ts';

/** Who a process is. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** The primary group first, then the others, ascending, each once. */
  readonly groups: readonly number[];
  /** From the user database; `/` where it has none. */
  readonly home: string;
}

/**
 * The bytes of `/etc/passwd` or `/etc/group` as the container would see them, undefined when there is none. It must
 * follow links inside the rootfs only, refuse what is not a regular file, and stop at USER_DATABASE_BYTES_MAX.
 */
export type UserDatabaseReader = (path: '/etc/passwd' | '/etc/group') => Promise<Uint8Array | undefined>;

/** A user database larger than this is refused (CVE-2026-47262). */
export const USER_DATABASE_BYTES_MAX: number = 10 * 1024 * 1024;

/** As docker: ids from 0 to 2^31-1. A larger one would wrap or mean "unchanged" (CVE-2024-40635). */
const ID_MAX = 2 ** 31 - 1;

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Resolves docker's `USER[:GROUP]`, each a name or a number, and further groups. A number is always a number, also when
 * a user has it as a name (CVE-2026-46680); a name must be in the database. Without GROUP the user's own group and the
 * groups that name the user count; with GROUP only that one.
 * @throws USER_UNKNOWN, GROUP_UNKNOWN, USER_OUT_OF_RANGE; what `read` throws.
 */
export async function resolveUser(
  user: string,
  groups: readonly string[],
  read: UserDatabaseReader,
): Promise<Identity> {
  const [userText, groupText] = splitOnce(user);
  const database = new Database(read);
  const account = await findAccount(userText, database);
  const gid = groupText === undefined ? (account.entry?.gid ?? 0) : await findGroup(groupText, database);
  const own = groupText === undefined && account.entry !== undefined ? await groupsOf(account.entry, database) : [];
  const asked: number[] = [];
  for (const group of groups) asked.push(await findGroup(group, database));
  const others = [...new Set([...own, ...asked])].filter((id) => id !== gid).toSorted((a, b) => a - b);
  return { uid: account.uid, gid, groups: [gid, ...others], home: homeOf(account.entry) };
}

function splitOnce(user: string): [string, string | undefined] {
  const colon = user.indexOf(':');
  if (colon < 0) return [user, undefined];
  const group = user.slice(colon + 1);
  return [user.slice(0, colon), group === '' ? undefined : group];
}

function homeOf(entry: PasswdEntry | undefined): string {
  return entry !== undefined && entry.home.startsWith('/') ? entry.home : '/';
}

class Database {
  readonly #read: UserDatabaseReader;
  #users: Promise<PasswdEntry[]> | undefined;
  #groups: Promise<GroupEntry[]> | undefined;

  constructor(read: UserDatabaseReader) {
    this.#read = read;
  }

  users(): Promise<PasswdEntry[]> {
    this.#users ??= this.#read('/etc/passwd').then((bytes) => parseLines(bytes, parsePasswdLine));
    return this.#users;
  }

  groups(): Promise<GroupEntry[]> {
    this.#groups ??= this.#read('/etc/group').then((bytes) => parseLines(bytes, parseGroupLine));
    return this.#groups;
  }
}

async function findAccount(
  text: string,
  database: Database,
): Promise<{ readonly uid: number; readonly entry: PasswdEntry | undefined }> {
  const uid = text === '' ? 0 : parseId(text, 'user');
  const users = await database.users();
  const entry = users.find((user) => (uid === undefined ? user.name === text : user.uid === uid));
  if (uid !== undefined) return { uid, entry };
  if (entry !== undefined) return { uid: entry.uid, entry };
  throw new ShaleError('USER_UNKNOWN', `unable to find user ${text}: no matching entries in passwd file`, {
    data: { user: text },
    hint: 'add the user in the image, or give a number',
  });
}

async function findGroup(text: string, database: Database): Promise<number> {
  const gid = parseId(text, 'group');
  if (gid !== undefined) return gid;
  const found = (await database.groups()).find((group) => group.name === text);
  if (found !== undefined) return found.gid;
  throw new ShaleError('GROUP_UNKNOWN', `unable to find group ${text}: no matching entries in group file`, {
    data: { group: text },
  });
}

async function groupsOf(user: PasswdEntry, database: Database): Promise<number[]> {
  return (await database.groups()).filter((group) => group.members.includes(user.name)).map((group) => group.gid);
}

/** A number in range, undefined for a name. Anything that reads as a number but is out of range is refused. */
function parseId(text: string, what: 'user' | 'group'): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (text.startsWith('-') || text.startsWith('+') || id > ID_MAX) {
    throw new ShaleError('USER_OUT_OF_RANGE', `${what} id ${text} is not in the range 0 to ${ID_MAX}`, {
      data: { [what]: text },
    });
  }
  return id;
}

function parseLines<T>(bytes: Uint8Array | undefined, parse: (fields: readonly string[]) => T | undefined): T[] {
  if (bytes === undefined) return [];
  const entries: T[] = [];
  for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const entry = parse(trimmed.split(':'));
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** Lines that are not well formed, and ids out of range, are passed over: they can name nobody. */
function parsePasswdLine(fields: readonly string[]): PasswdEntry | undefined {
  const [name = '', , uid = '', gid = '', , home = ''] = fields;
  const numbers = [fileId(uid), fileId(gid)];
  if (name === '' || numbers[0] === undefined || numbers[1] === undefined) return undefined;
  return { name, uid: numbers[0], gid: numbers[1], home };
}

function parseGroupLine(fields: readonly string[]): GroupEntry | undefined {
  const [name = '', , gid = '', members = ''] = fields;
  const number = fileId(gid);
  if (name === '' || number === undefined) return undefined;
  return { name, gid: number, members: members.split(',').filter((member) => member !== '') };
}

function fileId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}
