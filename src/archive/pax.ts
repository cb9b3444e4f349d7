import type { ByteString } from '../base/index.ts';
import { XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX } from './limits.ts';
import type { TarFail } from './tar-errors.ts';

/** What the extended header of one entry says. A keyword that is absent, or present without a value, is `undefined`. */
export interface PaxHeader {
  path: ByteString | undefined;
  linkPath: ByteString | undefined;
  sizeBytes: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
  mtimeNs: bigint | undefined;
  deviceMajor: number | undefined;
  deviceMinor: number | undefined;
  xattrs: Map<ByteString, Uint8Array> | undefined;
  sparse: PaxSparse | undefined;
  /** Keywords whose meaning is lost (ACLs as text, file flags); names only. */
  dropped: ByteString[] | undefined;
  /** Records that say nothing about the entry that shale has a use for. */
  other: Map<ByteString, ByteString> | undefined;
}

/** The records of GNU tar's sparse formats 0.0, 0.1 and 1.0. */
export interface PaxSparse {
  major: string | undefined;
  minor: string | undefined;
  name: ByteString | undefined;
  sizeBytes: number | undefined;
  extentCount: number | undefined;
  /** Offsets and lengths by turns (formats 0.0 and 0.1). */
  numbers: number[];
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;
const ZERO = 0x30;
const RECORD_BYTES_MIN = 5;
const SCHILY_XATTR = 'SCHILY.xattr.';
const LIBARCHIVE_XATTR = 'LIBARCHIVE.xattr.';

/**
 * Reads the body of a PAX extended header (POSIX.1-2024 pax, "pax Extended Header"): records of the form
 * `LENGTH KEYWORD=VALUE\n`. Keywords that shale has no use for are checked for form and kept apart.
 */
export function parsePax(body: Buffer, fail: TarFail): PaxHeader {
  const header: PaxHeader = {
    path: undefined,
    linkPath: undefined,
    sizeBytes: undefined,
    uid: undefined,
    gid: undefined,
    mtimeNs: undefined,
    deviceMajor: undefined,
    deviceMinor: undefined,
    xattrs: undefined,
    sparse: undefined,
    dropped: undefined,
    other: undefined,
  };
  let at = 0;
  while (at < body.length) at = takeRecord(body, at, header, fail);
  return header;
}

/** The keywords of a header that would change an entry. */
export function appliedKeywords(header: PaxHeader): string[] {
  const { path, linkPath, sizeBytes, uid, gid, mtimeNs, xattrs, sparse } = header;
  const values = { path, linkpath: linkPath, size: sizeBytes, uid, gid, mtime: mtimeNs, xattrs, sparse };
  return Object.entries(values).flatMap(([keyword, value]) => (value === undefined ? [] : [keyword]));
}

/** Takes the record at `at` into `header` and returns where the next one starts. */
function takeRecord(body: Buffer, at: number, header: PaxHeader, fail: TarFail): number {
  let cursor = at;
  let length = 0;
  for (; cursor < body.length && body[cursor] !== SPACE; cursor++) {
    const digit = (body[cursor] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return fail('TAR_HEADER', 'extended header record does not start with its length');
    length = length * 10 + digit;
    if (length > body.length) break;
  }
  if (cursor === at || length < RECORD_BYTES_MIN || at + length > body.length) {
    return fail('TAR_HEADER', `extended header record claims ${length} bytes, ${body.length - at} are left`);
  }
  const end = at + length;
  if (body[end - 1] !== NEWLINE) return fail('TAR_HEADER', 'extended header record does not end in a newline');
  const equals = body.indexOf(EQUALS, cursor + 1);
  if (equals < 0 || equals >= end) return fail('TAR_HEADER', 'extended header record has no "="');
  const keyword = body.toString('latin1', cursor + 1, equals);
  if (keyword === '' || keyword.includes('\0')) return fail('TAR_HEADER', 'extended header keyword is malformed');
  takeKeyword(header, keyword, body.subarray(equals + 1, end - 1), fail);
  return end;
}

function takeKeyword(header: PaxHeader, keyword: ByteString, value: Buffer, fail: TarFail): void {
  switch (keyword) {
    case 'path':
      header.path = name(keyword, value, fail);
      return;
    case 'linkpath':
      header.linkPath = name(keyword, value, fail);
      return;
    case 'size':
      header.sizeBytes = decimal(keyword, value, fail);
      return;
    case 'uid':
      header.uid = decimal(keyword, value, fail);
      return;
    case 'gid':
      header.gid = decimal(keyword, value, fail);
      return;
    case 'mtime':
      header.mtimeNs = value.length === 0 ? undefined : parsePaxTime(value.toString('latin1'), fail);
      return;
    case 'SCHILY.devmajor':
      header.deviceMajor = decimal(keyword, value, fail);
      return;
    case 'SCHILY.devminor':
      header.deviceMinor = decimal(keyword, value, fail);
      return;
    default:
      takeVendorKeyword(header, keyword, value, fail);
  }
}

function takeVendorKeyword(header: PaxHeader, keyword: ByteString, value: Buffer, fail: TarFail): void {
  if (keyword.startsWith(SCHILY_XATTR)) {
    setXattr(header, keyword.slice(SCHILY_XATTR.length), new Uint8Array(value), fail);
  } else if (keyword.startsWith(LIBARCHIVE_XATTR)) {
    // bsdtar writes each attribute in both spellings; the raw one is kept where both are there.
    const xattr = percentDecoded(keyword.slice(LIBARCHIVE_XATTR.length));
    if (header.xattrs?.has(xattr) !== true) setXattr(header, xattr, base64(keyword, value, fail), fail);
  } else if (keyword.startsWith('GNU.sparse.')) {
    header.sparse ??= {
      major: undefined,
      minor: undefined,
      name: undefined,
      sizeBytes: undefined,
      extentCount: undefined,
      numbers: [],
    };
    takeSparse(header.sparse, keyword, value, fail);
  } else if (keyword.startsWith('SCHILY.acl.') || keyword === 'SCHILY.fflags') {
    (header.dropped ??= []).push(keyword);
  } else {
    (header.other ??= new Map()).set(keyword, value.toString('latin1'));
  }
}

function setXattr(header: PaxHeader, xattr: ByteString, value: Uint8Array, fail: TarFail): void {
  if (xattr === '' || xattr.length > XATTR_NAME_BYTES_MAX) {
    return fail(
      'TAR_LIMIT',
      `name of an extended attribute has ${xattr.length} bytes, not 1 to ${XATTR_NAME_BYTES_MAX}`,
    );
  }
  if (value.length > XATTR_VALUE_BYTES_MAX) {
    return fail('TAR_LIMIT', `extended attribute has ${value.length} bytes, more than ${XATTR_VALUE_BYTES_MAX}`);
  }
  (header.xattrs ??= new Map()).set(xattr, value);
}

/** GNU tar manual, "Storing Sparse Files". */
function takeSparse(sparse: PaxSparse, keyword: ByteString, value: Buffer, fail: TarFail): void {
  switch (keyword.slice('GNU.sparse.'.length)) {
    case 'major':
      sparse.major = value.toString('latin1');
      return;
    case 'minor':
      sparse.minor = value.toString('latin1');
      return;
    case 'name':
      sparse.name = name(keyword, value, fail);
      return;
    case 'size':
    case 'realsize':
      sparse.sizeBytes = decimal(keyword, value, fail);
      return;
    case 'numblocks':
      sparse.extentCount = decimal(keyword, value, fail);
      return;
    case 'offset':
      if (sparse.numbers.length % 2 !== 0) fail('TAR_HEADER', 'sparse map has two offsets in a row');
      sparse.numbers.push(decimal(keyword, value, fail) ?? Number.NaN);
      return;
    case 'numbytes':
      if (sparse.numbers.length % 2 === 0) fail('TAR_HEADER', 'sparse map has a length without an offset');
      sparse.numbers.push(decimal(keyword, value, fail) ?? Number.NaN);
      return;
    case 'map':
      sparse.numbers =
        value.length === 0
          ? []
          : value
              .toString('latin1')
              .split(',')
              .map((text) => digits(text, keyword, fail));
      return;
    default:
  }
}

function name(keyword: ByteString, value: Buffer, fail: TarFail): ByteString | undefined {
  if (value.includes(0)) return fail('TAR_PATH', `extended header ${keyword} has a NUL in it`);
  return value.length === 0 ? undefined : value.toString('latin1');
}

function decimal(keyword: ByteString, value: Buffer, fail: TarFail): number | undefined {
  return value.length === 0 ? undefined : digits(value.toString('latin1'), keyword, fail);
}

function digits(text: string, keyword: ByteString, fail: TarFail): number {
  // Some writers fill with zeros from the left.
  const value = /^0{0,40}\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    return fail(
      'TAR_NUMBER',
      `extended header ${keyword} is ${JSON.stringify(text.slice(0, 40))}, not a number in range`,
    );
  }
  return value;
}

/**
 * Nanoseconds of a PAX time, `[-]SECONDS[.FRACTION]`; digits beyond the ninth are cut off. Anything else (`nan`,
 * exponents) fails.
 */
export function parsePaxTime(text: string, fail: TarFail): bigint {
  const match = /^(-?)(\d{1,60})(?:\.(\d*))?$/.exec(text);
  if (match === null) {
    return fail('TAR_NUMBER', `extended header mtime is ${JSON.stringify(text.slice(0, 40))}, not a time`);
  }
  const [, sign, seconds = '', fraction = ''] = match;
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -ns : ns;
}

/** The inverse of {@link parsePaxTime}, in its shortest form. */
export function formatPaxTime(ns: bigint): string {
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = String(magnitude % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${ns < 0n ? '-' : ''}${magnitude / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

function percentDecoded(text: ByteString): ByteString {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function base64(keyword: ByteString, value: Buffer, fail: TarFail): Uint8Array {
  const text = value.toString('latin1');
  // libarchive leaves the padding away.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return fail('TAR_HEADER', `extended header ${keyword} is not base64`);
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** One record, with the length that counts itself. */
export function formatPaxRecord(keyword: ByteString, value: ByteString): ByteString {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (String(length).length + rest.length !== length) length++;
  return `${length}${rest}`;
}
