import { createHash } from 'node:crypto';
import { JsonReader, parseJson, ShaleError, type Json, type JsonObject } from '../base/index.ts';
import { parseDigest, parseDiffId, type Digest, type DiffId } from '../oci/index.ts';

/** What a build took from outside: docs/formats/lock-file.md. */
export interface LockFile {
  readonly bases: readonly LockedBase[];
  readonly sources: readonly LockedSource[];
  readonly steps: readonly LockedStep[];
}

export interface LockedBase {
  /** In full. */
  readonly reference: string;
  readonly platform: string;
  /** Digest of the config. */
  readonly image: Digest;
  /** Of the manifest in its registry; absent for images that were made or loaded. */
  readonly digest?: Digest;
}

export type LockedSource = LockedUrl | LockedRepository;

export interface LockedUrl {
  /** Redacted. */
  readonly url: string;
  readonly digest: Digest;
  readonly size: number;
  /** How the server calls it. */
  readonly file?: string;
}

export interface LockedRepository {
  /** Without user and password. */
  readonly repository: string;
  readonly ref: string;
  readonly commit: string;
  /** Of the commit, in seconds since 1970. */
  readonly time: number;
  /** Its tree. */
  readonly layer: DiffId;
  readonly folder?: string;
  readonly submodules?: boolean;
  readonly gitDir?: boolean;
}

/** What one RUN asked of the network. */
export interface LockedStep {
  /** `RUN apt-get update`, as the Dockerfile says it with its variables filled in. */
  readonly step: string;
  readonly platform: string;
  readonly place: string;
  readonly unresolved: readonly string[];
  readonly fetched: readonly LockedAnswer[];
}

/** A request with its answer. */
export interface LockedAnswer {
  /** `apt:nginx`, where the address names a package. */
  readonly package?: string;
  readonly version?: string;
  readonly architecture?: string;
  readonly method: string;
  /** Redacted. */
  readonly url: string;
  readonly range?: string;
  /** Of what was sent. */
  readonly body?: Digest;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the answer's body; absent for HEAD and for what has none. */
  readonly digest?: Digest;
  /** Bytes of the body, where the server said so; of HEAD what the body would have. */
  readonly size?: number;
  /** There was no answer: the system's code. */
  readonly error?: string;
}

/** Bytes that a lock file may have. */
export const LOCK_FILE_MAX_BYTES: number = 64 * 1024 * 1024;
const VERSION = 1;

/** The inverse of `parseLockFile`: the canonical text. */
export function formatLockFile(lock: LockFile): string {
  const head = [
    '{',
    `  "shale-lock": ${VERSION},`,
    ...listOf('bases', lock.bases.map(baseJson), '  '),
    ...listOf('sources', lock.sources.map(sourceJson), '  '),
    '  "steps": [',
    ...lock.steps.map((step, i) => `${formatStep(step)}${i + 1 < lock.steps.length ? ',' : ''}`),
    '  ],',
    '',
  ].join('\n');
  return `${head}  "checksum": "${checksumOf(head)}"\n}\n`;
}

/** One step as the file has it; what a step's key is made of. */
export function formatStep({ step, platform, place, unresolved, fetched }: LockedStep): string {
  const facts = { step, platform, place, ...(unresolved.length > 0 && { unresolved }) };
  const lines = Object.entries(facts).map(([name, value]) => `      "${name}": ${JSON.stringify(value)},`);
  const answers = listOf('fetched', fetched.map(answerJson), '      ');
  // The list is the last field of a step.
  return ['    {', ...lines, ...answers.slice(0, -1), '      ]', '    }'].join('\n');
}

function listOf(name: string, items: readonly JsonObject[], indent: string): string[] {
  const lines = items.map((item, i) => `${indent}  ${JSON.stringify(item)}${i + 1 < items.length ? ',' : ''}`);
  return [`${indent}"${name}": [`, ...lines, `${indent}],`];
}

function checksumOf(head: string): string {
  return `sha256:${createHash('sha256').update(head).digest('hex')}`;
}

/**
 * Reads a lock file; `name` is for messages.
 * @throws LOCK_INVALID, with the line where it is known; LOCK_TOO_NEW
 */
export function parseLockFile(bytes: Uint8Array, name: string): LockFile {
  const fields = readDocument(bytes, name);
  const version = fields.integer('shale-lock');
  if (version !== undefined && version > VERSION)
    throw new ShaleError('LOCK_TOO_NEW', `${name} is of version ${version}, and this shale knows ${VERSION}`, {
      hint: 'use a newer shale',
    });
  if (version !== VERSION) throw invalid(name, 'it is no lock file of shale');
  const lock: LockFile = within(name, () => ({
    bases: (fields.objects('bases') ?? []).map(baseIn),
    sources: (fields.objects('sources') ?? []).map(sourceIn),
    steps: (fields.objects('steps') ?? []).map(stepIn),
  }));
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const canonical = formatLockFile(lock);
  if (text !== canonical) refuseOtherForm(name, text, canonical);
  return lock;
}

function readDocument(bytes: Uint8Array, name: string): JsonReader {
  return within(name, () => new JsonReader(parseJson(bytes, name), name, 'LOCK_INVALID'));
}

/** Whatever a field is wrong in, it is the lock file that cannot be used. */
function within<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ShaleError && cause.code === 'LOCK_INVALID') throw invalid('', cause.message);
    throw invalid(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function refuseOtherForm(name: string, text: string, canonical: string): never {
  const [got, expected] = [text.split('\n'), canonical.split('\n')];
  const at = got.findIndex((line, i) => line !== expected[i]);
  const line = at < 0 ? got.length : at + 1;
  const isChecksum =
    got[at]?.startsWith('  "checksum": ') === true && expected[at]?.startsWith('  "checksum": ') === true;
  throw new ShaleError(
    'LOCK_INVALID',
    isChecksum
      ? `${name} was changed after it was written: its checksum does not fit`
      : `${name}:${line}: it is not in the form that shale writes`,
    { data: { file: name, line }, hint: 'take the file as it was committed, or write it anew with shale lock' },
  );
}

function invalid(name: string, why: string, cause?: unknown): ShaleError {
  return new ShaleError('LOCK_INVALID', name === '' ? why : `${name} cannot be used: ${why}`, {
    hint: 'take the file as it was committed, or write it anew with shale lock',
    ...(cause !== undefined && { cause }),
  });
}

function baseJson({ reference, platform, image, digest }: LockedBase): JsonObject {
  return { reference, platform, image, ...(digest !== undefined && { digest }) };
}

function baseIn(fields: JsonReader): LockedBase {
  const digest = fields.string('digest');
  return {
    reference: text(fields, 'reference'),
    platform: text(fields, 'platform'),
    image: parseDigest(fields.string('image')),
    ...(digest !== undefined && { digest: parseDigest(digest) }),
  };
}

function sourceJson(source: LockedSource): JsonObject {
  if ('url' in source) {
    const { url, digest, size, file } = source;
    return { url, digest, size, ...(file !== undefined && { file }) };
  }
  const { repository, ref, commit, time, layer, folder, submodules, gitDir } = source;
  return {
    repository,
    ref,
    commit,
    time,
    layer,
    ...(folder !== undefined && { folder }),
    ...(submodules !== undefined && { submodules }),
    ...(gitDir !== undefined && { gitDir }),
  };
}

function sourceIn(fields: JsonReader): LockedSource {
  const url = fields.string('url');
  if (url !== undefined) {
    const file = fields.string('file');
    return {
      url,
      digest: parseDigest(fields.string('digest')),
      size: count(fields, 'size'),
      ...(file !== undefined && { file }),
    };
  }
  const folder = fields.string('folder');
  const [submodules, gitDir] = [fields.boolean('submodules'), fields.boolean('gitDir')];
  return {
    repository: text(fields, 'repository'),
    ref: text(fields, 'ref'),
    commit: text(fields, 'commit'),
    time: count(fields, 'time'),
    layer: parseDiffId(fields.string('layer')),
    ...(folder !== undefined && { folder }),
    ...(submodules !== undefined && { submodules }),
    ...(gitDir !== undefined && { gitDir }),
  };
}

function stepIn(fields: JsonReader): LockedStep {
  return {
    step: text(fields, 'step'),
    platform: text(fields, 'platform'),
    place: text(fields, 'place'),
    unresolved: fields.strings('unresolved') ?? [],
    fetched: (fields.objects('fetched') ?? []).map(answerIn),
  };
}

function answerJson(answer: LockedAnswer): JsonObject {
  const { method, url, range, body, status, headers, digest, size, error } = answer;
  const about = { package: answer.package, version: answer.version, architecture: answer.architecture };
  const asked = { method: method === 'GET' ? undefined : method, url, range, body };
  const told =
    error !== undefined
      ? { error }
      : {
          status: status === 200 ? undefined : status,
          headers: Object.keys(headers).length === 0 ? undefined : sorted(headers),
          digest,
          size,
        };
  return Object.fromEntries(Object.entries({ ...about, ...asked, ...told }).filter(([, value]) => value !== undefined));
}

function sorted(headers: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function answerIn(fields: JsonReader): LockedAnswer {
  const texts: Record<string, Json> = {};
  for (const name of ['package', 'version', 'architecture', 'range', 'error']) {
    const value = fields.string(name);
    if (value !== undefined) texts[name] = value;
  }
  const [body, digest, size] = [fields.string('body'), fields.string('digest'), fields.integer('size')];
  return {
    ...texts,
    method: fields.string('method') ?? 'GET',
    url: text(fields, 'url'),
    ...(body !== undefined && { body: parseDigest(body) }),
    status: fields.integer('status') ?? (texts['error'] === undefined ? 200 : 0),
    headers: fields.stringMap('headers') ?? {},
    ...(digest !== undefined && { digest: parseDigest(digest) }),
    ...(size !== undefined && { size }),
  };
}

function text(fields: JsonReader, name: string): string {
  return fields.required(name, fields.string(name));
}

function count(fields: JsonReader, name: string): number {
  return fields.required(name, fields.integer(name));
}
