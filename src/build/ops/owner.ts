import { isShaleError } from '../../base/index.ts';
import { resolveUser, type UserDatabaseReader } from '../../runtime/index.ts';
import { readTreeFile } from '../copy/read-file.ts';
import type { SourceNode } from '../copy/source-tree.ts';

/** Bytes that a user database of an image may have (CVE-2026-47262). */
const USER_DATABASE_BYTES_MAX: number = 10 * 1024 * 1024;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The owner that a text names, and the names that the image does not know: those count as 0, as with BuildKit. */
export interface ResolvedOwner {
  readonly owner: Owner;
  readonly unknown: readonly string[];
}

/**
 * Reads `USER[:GROUP]` of --chown, each a name of the image or a number. A number without a group is its own group; a name
 * without one takes the group of its account.
 * @throws USER_OUT_OF_RANGE
 */
export async function resolveOwner(text: string, root: SourceNode | undefined): Promise<ResolvedOwner> {
  const read = userDatabase(root);
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? '' : text.slice(colon + 1);
  const unknown: string[] = [];
  const account = await identity(user, read, unknown);
  const own = /^[0-9]+$/.test(user) ? account.uid : account.gid;
  const gid = group === '' ? own : (await identity(`0:${group}`, read, unknown)).gid;
  return { owner: { uid: account.uid, gid }, unknown };
}

/** /etc/passwd and /etc/group of an image, read through its index. */
export function userDatabase(root: SourceNode | undefined): UserDatabaseReader {
  return async (path) => readTreeFile(root, path.slice(1), USER_DATABASE_BYTES_MAX);
}

async function identity(text: string, read: UserDatabaseReader, unknown: string[]): Promise<Owner> {
  if (text === '') return { uid: 0, gid: 0 };
  try {
    return await resolveUser(text, [], read);
  } catch (error) {
    if (!isShaleError(error, 'USER_UNKNOWN', 'GROUP_UNKNOWN')) throw error;
    unknown.push(text.replace(/^0:/, ''));
    return { uid: 0, gid: 0 };
  }
}
