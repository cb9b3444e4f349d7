import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { decompress } from '../../archive/index.ts';
import { type ByteString, type ByteStream, fromBytes, ShaleError } from '../../base/index.ts';
import { type Dependency, parseDependencies } from './dependency.ts';
import { readGzipMember } from './gzip-member.ts';
import { type ApkPackage, filesOf, refuseVersion3, signaturesOf } from './package-index.ts';

/**
 * Package files of apk-tools 2 (doc/apk-package.5): gzip members with signatures (may be absent), control files and
 * data, in this order. What is read of one is what the index says: the control segment by its SHA-1, the data by the
 * SHA-256 in the control segment.
 */
export interface ApkContents {
  /** Scripts by what they are for: `post-install`. */
  readonly scripts: ReadonlyMap<ScriptKind, Buffer>;
  readonly replaces: readonly Dependency[];
  readonly replacesPriority: number;
  /** Patterns of folders; the package's trigger runs when one of them changed. */
  readonly triggers: readonly string[];
  /** The plain data.tar, to be read once and to its end, where it fails when it is not the one that was packed. */
  readonly data: ByteStream;
}

/** In the order of apk's database. */
export const SCRIPT_KINDS = [
  'pre-install',
  'post-install',
  'pre-deinstall',
  'post-deinstall',
  'pre-upgrade',
  'post-upgrade',
  'trigger',
] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

/** Signatures and control files lie at the beginning of a package, within this many bytes. */
const HEAD_BYTES_MAX: number = 8 * 1024 * 1024;
const CONTROL_BYTES_MAX: number = 32 * 1024 * 1024;
const DATA_BYTES_MAX: number = 16 * 1024 ** 3;

/**
 * Opens a package file whose bytes lie at `path`.
 * @throws HASH_MISMATCH, APK_MALFORMED, APK_VERSION_3, APK_DEPENDENCY and the errors of the tar reader
 */
export async function openApk(path: string, expected: ApkPackage): Promise<ApkContents> {
  const what = `${expected.name}-${expected.version}.apk`;
  const { files, field, datahash, end } = readControl(await readHead(path), expected, what);
  return {
    scripts: new Map(
      SCRIPT_KINDS.flatMap((kind) => {
        const bytes = files.get(`.${kind}`);
        return bytes === undefined ? [] : [[kind, bytes] as const];
      }),
    ),
    replaces: parseDependencies(field('replaces')),
    replacesPriority: Number(/^\d{1,9}$/.exec(field('replaces_priority'))?.[0] ?? 0),
    triggers: field('triggers')
      .split(/\s+/)
      .filter((pattern) => pattern !== ''),
    data: readData(path, end, datahash, what),
  };
}

async function readHead(path: string): Promise<Buffer> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const head = Buffer.alloc(Math.min(size, HEAD_BYTES_MAX));
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

/**
 * Passes the bytes of a package file on, and fails before their end when they are not those that the index names.
 * @throws HASH_MISMATCH, APK_MALFORMED, APK_VERSION_3
 */
export async function* verifyApk(stream: ByteStream, expected: ApkPackage, what: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let head: Uint8Array[] | undefined = [];
  let seen = 0;
  let datahash = '';
  const takeHead = (chunks: readonly Uint8Array[]): Buffer => {
    const bytes = Buffer.concat(chunks);
    const control = readControl(bytes, expected, what);
    datahash = control.datahash;
    hash.update(bytes.subarray(control.end));
    return bytes;
  };
  for await (const chunk of stream) {
    seen += chunk.byteLength;
    if (seen > expected.sizeBytes) break;
    if (head === undefined) {
      hash.update(chunk);
      yield chunk;
      continue;
    }
    head.push(chunk);
    if (seen < HEAD_BYTES_MAX) continue;
    yield takeHead(head);
    head = undefined;
  }
  if (seen !== expected.sizeBytes) throw mismatch(what, 'its size', String(expected.sizeBytes), String(seen));
  if (head !== undefined) yield takeHead(head);
  const found = hash.digest('hex');
  if (found !== datahash) throw mismatch(what, 'its data', datahash, found);
}

interface Control {
  readonly files: ReadonlyMap<ByteString, Buffer>;
  /** A field of .PKGINFO; of one that comes several times all values. */
  readonly field: (name: string) => ByteString;
  /** The sha256 of the compressed data, 64 hex digits. */
  readonly datahash: string;
  /** Where the data begin. */
  readonly end: number;
}

function readControl(head: Buffer, expected: ApkPackage, what: string): Control {
  const { plain, end } = controlSegment(head, expected, what);
  const files = filesOf(plain);
  const info = files.get('.PKGINFO');
  if (info === undefined) throw malformed(`${what} has no .PKGINFO`);
  const fields = parsePackageInfo(fromBytes(info));
  const field = (name: string): ByteString => fields.get(name)?.join(' ') ?? '';
  const datahash = field('datahash');
  if (!/^[0-9a-f]{64}$/.test(datahash)) throw malformed(`${what} does not say the sha256 of its data`);
  if (field('pkgname') !== expected.name || field('pkgver') !== expected.version)
    throw malformed(`${what} says that it is ${field('pkgname')}-${field('pkgver')}`);
  return { files, field, datahash, end };
}

/** The control segment, when it is the one that the index names. */
function controlSegment(
  head: Buffer,
  expected: ApkPackage,
  what: string,
): { readonly plain: Buffer; readonly end: number } {
  refuseVersion3(head, what);
  const limits = { maxBytes: CONTROL_BYTES_MAX, what };
  const first = readGzipMember(head, 0, limits);
  const control = signaturesOf(first.plain).length === 0 ? first : readGzipMember(head, first.end, limits);
  const found = checksumOf(head.subarray(control.start, control.end));
  if (found !== expected.checksum) throw mismatch(what, 'its control segment', expected.checksum, found);
  return control;
}

/** A checksum as indexes have it: Q1 and the SHA-1 in base64. */
export function checksumOf(bytes: Uint8Array): string {
  return `Q1${createHash('sha1').update(bytes).digest('base64')}`;
}

/** `KEY = VALUE` lines; keys may come several times. */
function parsePackageInfo(text: ByteString): Map<string, ByteString[]> {
  const fields = new Map<string, ByteString[]>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([a-z_]+) = (.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}

async function* readData(path: string, start: number, datahash: string, what: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  async function* hashed(): AsyncGenerator<Uint8Array> {
    // Without an encoding a file stream gives buffers.
    for await (const chunk of createReadStream(path, {
      start,
      highWaterMark: 256 * 1024,
    }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      yield chunk;
    }
  }
  let failure: unknown;
  try {
    const { kind, stream } = await decompress(hashed(), { maxBytes: DATA_BYTES_MAX, what });
    if (kind !== 'gzip') throw malformed(`the data of ${what} are not gzip`);
    yield* stream;
  } catch (error) {
    failure = error;
  }
  if (failure !== undefined) throw failure;
  const found = hash.digest('hex');
  if (found !== datahash) throw mismatch(what, 'its data', datahash, found);
}

function mismatch(what: string, part: string, expected: string, found: string): ShaleError {
  return new ShaleError(
    'HASH_MISMATCH',
    `${what} is not what the signed index says: expected ${expected} for ${part}, got ${found}`,
    { data: { what, expected, found }, hint: 'the mirror is being updated, or damaged; try again or use another one' },
  );
}

function malformed(why: string): ShaleError {
  return new ShaleError('APK_MALFORMED', why);
}
