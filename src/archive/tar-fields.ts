import { type ByteString, toText } from '../base/index.ts';
import type { EntryRecords } from './entry.ts';
import { DEVICE_MAJOR_MAX, DEVICE_MINOR_MAX, ID_MAX } from './limits.ts';
import type { PaxHeader } from './pax.ts';
import type { TarFail, TarWarning } from './tar-errors.ts';
import { type HeaderFormat, numericField, stringField } from './tar-header.ts';

/** What every entry has, whatever its kind. */
export interface PlainFields {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

export interface DeviceNumbers {
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Reports something that was left out of the entry being read. */
export type TarWarn = (code: TarWarning['code'], problem: string) => void;

const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();
const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const XATTR_NAMESPACE = /^(?:user|trusted|security|system)\../s;

/** Mode, owner, time and attributes from the header at `at` and the PAX header before it. */
export function plainFields(
  block: Buffer,
  at: number,
  pax: PaxHeader | undefined,
  fail: TarFail,
  warn: TarWarn,
): PlainFields {
  const mode = numericField(block, at + 100, 8);
  if (Number.isNaN(mode) || mode < 0) return fail('TAR_NUMBER', 'mode is malformed or negative');
  return {
    // V7 also writes the bits of the file's type, which the type flag says better.
    mode: mode % 0o10000,
    uid: checkId('user', pax?.uid ?? numericField(block, at + 108, 8), fail),
    gid: checkId('group', pax?.gid ?? numericField(block, at + 116, 8), fail),
    mtimeNs: pax?.mtimeNs === undefined ? headerTime(block, at, fail) : checkTime(pax.mtimeNs, fail),
    xattrs: pax === undefined ? NO_XATTRS : keptXattrs(pax, warn),
  };
}

function checkId(what: string, id: number, fail: TarFail): number {
  // Written so that NaN fails too.
  if (!(id >= 0 && id <= ID_MAX)) return fail('TAR_NUMBER', `${what} id ${id} is not within 0 to ${ID_MAX}`);
  return id;
}

function headerTime(block: Buffer, at: number, fail: TarFail): bigint {
  const seconds = numericField(block, at + 136, 12);
  if (Number.isNaN(seconds)) return fail('TAR_NUMBER', 'modification time is malformed or out of range');
  return BigInt(seconds) * NS_PER_SECOND;
}

function checkTime(ns: bigint, fail: TarFail): bigint {
  const seconds = ns / NS_PER_SECOND;
  if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX) {
    return fail('TAR_NUMBER', `modification time ${seconds} is out of range`);
  }
  return ns;
}

function keptXattrs(pax: PaxHeader, warn: TarWarn): ReadonlyMap<ByteString, Uint8Array> {
  for (const keyword of pax.dropped ?? []) warn('TAR_XATTR_DROPPED', `${keyword} was left out`);
  if (pax.xattrs === undefined) return NO_XATTRS;
  for (const name of pax.xattrs.keys()) {
    // The kernel would obey overlay's own attributes when the layer is mounted.
    const isOverlay = name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.');
    if (!isOverlay && XATTR_NAMESPACE.test(name) && !name.includes('\0')) continue;
    pax.xattrs.delete(name);
    warn('TAR_XATTR_DROPPED', `extended attribute ${JSON.stringify(toText(name))} was left out`);
  }
  return pax.xattrs;
}

/** The numbers of a device node. */
export function deviceNumbers(
  block: Buffer,
  at: number,
  format: HeaderFormat,
  pax: PaxHeader | undefined,
  fail: TarFail,
): DeviceNumbers {
  const deviceMajor = pax?.deviceMajor ?? (format === 'v7' ? 0 : numericField(block, at + 329, 8));
  const deviceMinor = pax?.deviceMinor ?? (format === 'v7' ? 0 : numericField(block, at + 337, 8));
  const fits =
    deviceMajor >= 0 && deviceMajor <= DEVICE_MAJOR_MAX && deviceMinor >= 0 && deviceMinor <= DEVICE_MINOR_MAX;
  if (!fits) return fail('TAR_NUMBER', `device number ${deviceMajor}:${deviceMinor} is out of range`);
  return { deviceMajor, deviceMinor };
}

/** The header block of an entry, and what it and the headers before it say of name and size. */
export interface RawEntry {
  readonly name: ByteString;
  readonly block: Buffer;
  readonly at: number;
  readonly format: HeaderFormat;
  readonly storedBytes: number;
}

/** Who owned it by name, and PAX records that nothing here reads. */
export function recordsOf(raw: RawEntry, pax: PaxHeader | undefined): EntryRecords {
  const other = pax?.other ?? new Map<ByteString, ByteString>();
  const named = (keyword: string, offset: number): ByteString =>
    other.get(keyword) ?? (raw.format === 'v7' ? '' : stringField(raw.block, raw.at + offset, 32));
  return { userName: named('uname', 265), groupName: named('gname', 297), other };
}

/** Where a link leads, as the header says. */
export function linkField(raw: RawEntry): ByteString {
  return stringField(raw.block, raw.at + 157, 100);
}
