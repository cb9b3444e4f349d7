import { isUtf8 } from 'node:buffer';
import { type ByteString, invariant, ShaleError, toBytes, toText } from '../base/index.ts';
import type { EntryKind, TarEntry } from './entry.ts';
import { formatPaxRecord, formatPaxTime } from './pax.ts';
import { BLOCK_BYTES, paddingOf, sumOf } from './tar-header.ts';

/** The two zero blocks that end a tar. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

const ZEROS = Buffer.alloc(BLOCK_BYTES);
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const OCTAL_7_MAX = 0o7777777;
const OCTAL_11_MAX = 0o77777777777;
const NS_PER_SECOND = 1_000_000_000n;
const PAX_HEADER_NAME = 'PaxHeaders';

const TYPE_FLAGS: Readonly<Record<EntryKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** The zero bytes that follow content of that size, to the next block. */
export function tarPadding(sizeBytes: number): Buffer {
  return ZEROS.subarray(0, paddingOf(sizeBytes));
}

/**
 * The header blocks of an entry; equal entries give equal bytes, in every release with the same format version
 * (docs/formats/layer-tar.md). The header is ustar, with numeric ids and no names; a PAX header stands before it only
 * when something does not fit: a long name or target, a large size or id, a time that is not in whole seconds since
 * 1970, extended attributes.
 * @throws TAR_PATH when a name has a NUL, TAR_HEADER when the name of an attribute cannot be written
 */
export function encodeTarHeader(entry: TarEntry): Buffer {
  checkEntry(entry);
  const records: [ByteString, ByteString][] = [];
  const name = entry.kind === 'directory' ? `${entry.path === '' ? '.' : entry.path}/` : entry.path;
  const split = splitName(name);
  if (split === undefined) records.push(['path', name]);
  if (entry.linkTarget.length > NAME_BYTES) records.push(['linkpath', entry.linkTarget]);
  if (entry.sizeBytes > OCTAL_11_MAX) records.push(['size', String(entry.sizeBytes)]);
  if (entry.uid > OCTAL_7_MAX) records.push(['uid', String(entry.uid)]);
  if (entry.gid > OCTAL_7_MAX) records.push(['gid', String(entry.gid)]);
  const seconds = wholeSeconds(entry.mtimeNs);
  if (seconds === undefined) records.push(['mtime', formatPaxTime(entry.mtimeNs)]);
  for (const [xattr, value] of entry.xattrs) records.push([`SCHILY.xattr.${xattr}`, latin1(value)]);

  const fields: HeaderFields = {
    ...(split ?? { prefix: '', name: name.slice(0, NAME_BYTES) }),
    type: TYPE_FLAGS[entry.kind],
    mode: entry.mode,
    uid: entry.uid > OCTAL_7_MAX ? 0 : entry.uid,
    gid: entry.gid > OCTAL_7_MAX ? 0 : entry.gid,
    sizeBytes: entry.sizeBytes > OCTAL_11_MAX ? 0 : entry.sizeBytes,
    mtimeSeconds: seconds ?? clampedSeconds(entry.mtimeNs),
    linkName: entry.linkTarget.slice(0, NAME_BYTES),
    deviceMajor: entry.deviceMajor,
    deviceMinor: entry.deviceMinor,
  };
  return records.length === 0 ? headerBlock(fields) : Buffer.concat([...paxBlocks(records), headerBlock(fields)]);
}

function checkEntry(entry: TarEntry): void {
  if (entry.path.includes('\0') || entry.linkTarget.includes('\0')) {
    throw new ShaleError('TAR_PATH', `tar entry ${JSON.stringify(toText(entry.path))} has a NUL in its name or target`);
  }
  invariant(entry.path === '' ? entry.kind === 'directory' : !entry.path.startsWith('/'), 'tar paths are clean');
  invariant(Number.isSafeInteger(entry.sizeBytes) && entry.sizeBytes >= 0, 'sizes are whole and not negative');
  invariant(entry.kind === 'file' || entry.sizeBytes === 0, 'only files have content');
  invariant(Number.isInteger(entry.mode) && entry.mode >= 0 && entry.mode <= 0o7777, 'modes have twelve bits');
  for (const name of entry.xattrs.keys()) {
    if (name === '' || /[=\0]/.test(name)) {
      throw new ShaleError(
        'TAR_HEADER',
        `tar entry ${JSON.stringify(toText(entry.path))}: an extended attribute named ${JSON.stringify(toText(name))} cannot be written`,
      );
    }
  }
}

/** Parts of a name that fit the ustar fields, with as much as possible in the prefix; `undefined` when none do. */
function splitName(name: ByteString): { readonly prefix: ByteString; readonly name: ByteString } | undefined {
  if (name.length <= NAME_BYTES) return { prefix: '', name };
  // The last byte may be a directory's own slash, which has to stay in the name.
  const slash = name.lastIndexOf('/', Math.min(PREFIX_BYTES, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > NAME_BYTES) return undefined;
  return { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

/** The time in seconds when the header can hold it exactly. */
function wholeSeconds(ns: bigint): number | undefined {
  if (ns < 0n || ns % NS_PER_SECOND !== 0n) return undefined;
  const seconds = ns / NS_PER_SECOND;
  return seconds > BigInt(OCTAL_11_MAX) ? undefined : Number(seconds);
}

function clampedSeconds(ns: bigint): number {
  if (ns < 0n) return 0;
  const seconds = ns / NS_PER_SECOND;
  return seconds > BigInt(OCTAL_11_MAX) ? 0 : Number(seconds);
}

/** The extended header that precedes an entry: records sorted by keyword. */
function paxBlocks(records: readonly [ByteString, ByteString][]): Buffer[] {
  const sorted = records.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const isText = sorted.every(([keyword, value]) => !keyword.endsWith('path') || isUtf8(toBytes(value)));
  // POSIX has values as UTF-8; libarchive and Python take names as bytes when told so.
  if (!isText) sorted.unshift(['hdrcharset', 'BINARY']);
  const body = toBytes(sorted.map(([keyword, value]) => formatPaxRecord(keyword, value)).join(''));
  const header = headerBlock({
    prefix: '',
    name: PAX_HEADER_NAME,
    type: 'x',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: body.length,
    mtimeSeconds: 0,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  });
  return [header, body, tarPadding(body.length)];
}

interface HeaderFields {
  readonly prefix: ByteString;
  readonly name: ByteString;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly linkName: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** POSIX.1-2024 pax, "ustar Interchange Format". */
function headerBlock(fields: HeaderFields): Buffer {
  // From node's pool: half the time of a zeroed allocation.
  const block = Buffer.allocUnsafe(BLOCK_BYTES).fill(0);
  block.write(fields.name, 0, NAME_BYTES, 'latin1');
  putOctal(block, 100, 7, fields.mode);
  putOctal(block, 108, 7, fields.uid);
  putOctal(block, 116, 7, fields.gid);
  putOctal(block, 124, 11, fields.sizeBytes);
  putOctal(block, 136, 11, fields.mtimeSeconds);
  block.write(fields.type, 156, 1, 'latin1');
  block.write(fields.linkName, 157, NAME_BYTES, 'latin1');
  block.write('ustar\x0000', 257, 8, 'latin1');
  putOctal(block, 329, 7, fields.deviceMajor);
  putOctal(block, 337, 7, fields.deviceMinor);
  block.write(fields.prefix, 345, PREFIX_BYTES, 'latin1');
  putOctal(block, 148, 6, sumOf(block, 0));
  block[155] = 0x20;
  return block;
}

/** Octal digits, filled with zeros from the left; the NUL after them is there already. */
function putOctal(block: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    block[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
  invariant(rest === 0, `${value} fits a field of ${digits} octal digits`);
}

function latin1(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
