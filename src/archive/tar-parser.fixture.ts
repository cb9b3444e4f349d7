/** Small tars for tests, hostile ones among them: every field can be given as it should stand in the header. */
import assert from 'node:assert/strict';
import { type ByteString, isShaleError, type ShaleError } from '../base/index.ts';
import type { ReadTarEntry, TarEntry } from './entry.ts';
import { formatPaxRecord } from './pax.ts';
import type { TarWarning } from './tar-errors.ts';
import { sumOf } from './tar-header.ts';
import type { TarReadOptions } from './tar-handler.ts';
import { TarParser } from './tar-parser.ts';
import { TAR_END, tarPadding } from './write-tar.ts';

export interface RawHeader {
  readonly name?: ByteString;
  readonly type?: string;
  readonly size?: number | Uint8Array | string;
  readonly mode?: string;
  readonly uid?: string | Uint8Array;
  readonly gid?: string | Uint8Array;
  readonly mtime?: string | Uint8Array;
  readonly link?: ByteString;
  readonly magic?: string;
  readonly prefix?: ByteString;
  readonly devices?: readonly [string, string];
  /** Bytes to put at an offset after everything else; the checksum covers them. */
  readonly patches?: readonly (readonly [number, string | Uint8Array])[];
  readonly checksum?: string;
}

export const USTAR = 'ustar\x0000';
export const GNU = 'ustar  \0';

/** One header block. */
export function header(raw: RawHeader): Buffer {
  const block = Buffer.alloc(512);
  const put = (at: number, value: string | Uint8Array): void => {
    if (typeof value === 'string') block.write(value, at, 'latin1');
    else block.set(value, at);
  };
  put(0, (raw.name ?? 'file').slice(0, 100));
  put(100, raw.mode ?? '0000644\0');
  put(108, raw.uid ?? '0000000\0');
  put(116, raw.gid ?? '0000000\0');
  put(124, typeof raw.size === 'number' || raw.size === undefined ? octal(raw.size ?? 0, 11) : raw.size);
  put(136, raw.mtime ?? '00000000000\0');
  put(156, raw.type ?? '0');
  put(157, raw.link ?? '');
  put(257, raw.magic ?? USTAR);
  if (raw.devices !== undefined) {
    put(329, raw.devices[0]);
    put(337, raw.devices[1]);
  }
  put(345, raw.prefix ?? '');
  for (const [at, value] of raw.patches ?? []) put(at, value);
  put(148, raw.checksum ?? `${octal(sumOf(block, 0), 6)}\0 `);
  return block;
}

export function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** A number in GNU's base-256 form. */
export function base256(value: bigint, bytes = 12): Buffer {
  const field = Buffer.alloc(bytes);
  let rest = BigInt.asUintN(bytes * 8, value);
  for (let i = bytes - 1; i >= 0; i--) {
    field[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

/** Content with its padding. */
export function body(content: string | Uint8Array): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  return Buffer.concat([bytes, tarPadding(bytes.length)]);
}

/** A header with its content. */
export function member(raw: RawHeader, content: string | Uint8Array = ''): Buffer {
  return Buffer.concat([header({ size: content.length, ...raw }), body(content)]);
}

/** A PAX header of well-formed records. */
export function pax(
  records: Readonly<Record<string, ByteString>> | readonly [string, ByteString][],
  type = 'x',
): Buffer {
  const pairs: readonly (readonly [string, ByteString])[] = Array.isArray(records) ? records : Object.entries(records);
  return rawPax(pairs.map(([keyword, value]) => formatPaxRecord(keyword, value)).join(''), type);
}

/** A PAX header whose body is given as it is. */
export function rawPax(text: ByteString, type = 'x'): Buffer {
  return member({ name: 'PaxHeaders', type }, text);
}

/** Blocks with the two zero blocks after them. */
export function tar(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...parts, TAR_END]);
}

export interface Listing {
  readonly entries: ReadTarEntry[];
  /** The stored bytes of each entry. */
  readonly contents: Buffer[];
  readonly warnings: TarWarning[];
}

/** Parses a tar that was cut at every `step` bytes. */
export function parse(bytes: Uint8Array, options: TarReadOptions = {}, step: number = bytes.length): Listing {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
  return parseChunks(chunks, options);
}

export function parseChunks(chunks: Iterable<Uint8Array>, options: TarReadOptions = {}): Listing {
  const listing: Listing = { entries: [], contents: [], warnings: [] };
  const parts: Uint8Array[][] = [];
  const parser = new TarParser(
    {
      entry: (entry) => {
        listing.entries.push(entry);
        parts.push([]);
      },
      content: (chunk) => parts.at(-1)?.push(Buffer.from(chunk)),
      warning: (warning) => listing.warnings.push(warning),
    },
    options,
  );
  for (const chunk of chunks) parser.write(chunk);
  parser.end();
  listing.contents.push(...parts.map((chunks) => Buffer.concat(chunks)));
  return listing;
}

/** The path of every entry of a tar. */
export function paths(bytes: Uint8Array, options: TarReadOptions = {}): ByteString[] {
  return parse(bytes, options).entries.map((entry) => entry.path);
}

/** Fails unless parsing fails with `code` and says where; returns the error. */
export function refused(bytes: Uint8Array, code: string, options: TarReadOptions = {}): ShaleError {
  try {
    parse(bytes, options);
  } catch (error) {
    assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
    assert.equal(typeof error.data['offset'], 'number');
    assert.match(error.message, /at byte \d+: /);
    return error;
  }
  return assert.fail(`a tar was accepted that should fail with ${code}`);
}

/** An entry to be written, an empty file unless said otherwise. */
export function entry(fields: Partial<TarEntry> = {}): TarEntry {
  return {
    path: 'file',
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes: 0,
    linkTarget: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...fields,
  };
}

/** Two small files. */
export const A: Buffer = member({ name: 'a' }, 'content of a');
export const B: Buffer = member({ name: 'b' }, 'content of b');
