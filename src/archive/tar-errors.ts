import { type ByteString, ShaleError, toText } from '../base/index.ts';

/**
 * Why a tar was refused. `data` always has `offset` (bytes from the start of the tar to the first header of the
 * entry, or to where the bytes end) and, where one is known, `entry` (its name as text).
 * - TAR_CHECKSUM: a block that should be a header is none
 * - TAR_TRUNCATED: the bytes end in a header or in content
 * - TAR_HEADER: a header contradicts itself or its format
 * - TAR_NUMBER: a number is malformed, negative or out of range
 * - TAR_PATH: a name is empty, leaves the root, is too long, or may not stand in a layer
 * - TAR_LIMIT: more of something than a reader is willing to hold
 */
export type TarErrorCode = 'TAR_CHECKSUM' | 'TAR_TRUNCATED' | 'TAR_HEADER' | 'TAR_NUMBER' | 'TAR_PATH' | 'TAR_LIMIT';

/** Reports a problem of the entry being read; the reader knows its offset and name. */
export type TarFail = (code: TarErrorCode, problem: string) => never;

/** Something that was left out of what the reader hands on; never fatal. */
export interface TarWarning {
  readonly code: 'TAR_TYPE_SKIPPED' | 'TAR_XATTR_DROPPED' | 'TAR_RECORD_IGNORED' | 'TAR_DANGLING_HEADER';
  /** One line for a person. */
  readonly message: string;
  /** Offset in bytes of the first header of the entry concerned. */
  readonly offset: number;
  /** The entry's name as it stands in the tar, where one is known. */
  readonly entry: ByteString | undefined;
}

const NAME_CHARACTERS_SHOWN = 200;

export function tarError(
  code: TarErrorCode,
  problem: string,
  offset: number,
  entry: ByteString | undefined,
): ShaleError {
  const subject = entry === undefined ? 'tar' : `tar entry ${quoteName(entry)}`;
  const data = entry === undefined ? { offset } : { offset, entry: toText(entry.slice(0, NAME_CHARACTERS_SHOWN)) };
  return new ShaleError(code, `${subject} at byte ${offset}: ${problem}`, { data });
}

/** A name for a message: as text, in quotes, cut when long. */
export function quoteName(name: ByteString): string {
  const shown = name.length > NAME_CHARACTERS_SHOWN ? `${name.slice(0, NAME_CHARACTERS_SHOWN)}...` : name;
  return JSON.stringify(toText(shown));
}
