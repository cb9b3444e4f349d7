import { toText, ShaleError, type ByteString, type ErrorData } from '../base/index.ts';

/**
 * Codes of this folder.
 * - INDEX_CORRUPT: an index (or its contents file) breaks its own format.
 * - ENTRY_INVALID: an entry that no tree can hold (unclean path, empty link target, NUL byte, bad owner).
 * - ROOT_NOT_A_DIRECTORY, PARENT_NOT_A_DIRECTORY: an entry would replace the root, or lies below something else.
 * - HARDLINK_TARGET: the target of a hard link is missing or is a directory.
 * - WHITEOUT_INVALID: a whiteout without a name, or for `.` or `..`.
 * - LINK_LOOP: more than 40 symbolic links on one path.
 * - NAME_TOO_LONG: a name above 255 bytes or a link target above 4,095.
 * - XATTR_INVALID: an extended attribute that the kernel would refuse (size, name, malformed ACL).
 * - INDEX_LIMIT: more than the format or our own limits hold (entries, depth, sizes, device numbers).
 */
export type ErofsErrorCode =
  | 'INDEX_CORRUPT'
  | 'ENTRY_INVALID'
  | 'ROOT_NOT_A_DIRECTORY'
  | 'PARENT_NOT_A_DIRECTORY'
  | 'HARDLINK_TARGET'
  | 'WHITEOUT_INVALID'
  | 'LINK_LOOP'
  | 'NAME_TOO_LONG'
  | 'XATTR_INVALID'
  | 'INDEX_LIMIT';

export function corrupt(what: string, data: ErrorData = {}): ShaleError {
  return fail('INDEX_CORRUPT', `the layer index is damaged: ${what}`, data);
}

/** An entry of a layer that is refused; `why` ends the sentence `layer entry "path" …`. */
export function refused(code: ErofsErrorCode, path: ByteString, why: string, data: ErrorData = {}): ShaleError {
  const shown = JSON.stringify(toText(path.length > 300 ? `${path.slice(0, 300)}…` : path));
  return fail(code, `layer entry ${shown} ${why}`, { path, ...data });
}

export function fail(code: ErofsErrorCode, message: string, data: ErrorData = {}): ShaleError {
  return new ShaleError(code, message, { data });
}
