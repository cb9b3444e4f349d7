import { ShaleError } from '../../base/index.ts';
import { findField, parseParagraph } from './paragraph.ts';

/** The part of a Release file that shale uses. */
export interface Release {
  /** `stable`, `oldstable`, `unstable`. */
  readonly suite: string;
  /** `trixie`. */
  readonly codename: string;
  /** `13.7`; undefined for suites that are never released. */
  readonly version: string | undefined;
  readonly date: Date;
  readonly validUntil: Date | undefined;
  readonly byHash: boolean;
  readonly architectures: readonly string[];
  readonly components: readonly string[];
  /** By path below the suite's folder. */
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

export interface ReleaseFile {
  readonly path: string;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/**
 * Reads the text of a Release file whose signature was checked.
 * @throws RELEASE_MALFORMED when the codename, the date or the SHA256 list is missing or wrong.
 */
export function parseRelease(text: string): Release {
  const fields = parseParagraph(text);
  const codename = findField(fields, 'Codename') ?? findField(fields, 'Suite');
  const date = dateOf(findField(fields, 'Date'));
  if (codename === undefined || date === undefined) throw malformed('it names no codename or no date');
  return {
    suite: findField(fields, 'Suite') ?? codename,
    codename,
    version: findField(fields, 'Version'),
    date,
    validUntil: dateOf(findField(fields, 'Valid-Until')),
    byHash: findField(fields, 'Acquire-By-Hash') === 'yes',
    architectures: wordsOf(findField(fields, 'Architectures')),
    components: wordsOf(findField(fields, 'Components')),
    files: filesOf(findField(fields, 'SHA256') ?? ''),
  };
}

/** How far in seconds a Release may be dated ahead of this machine's clock. */
const DATE_SKEW_S = 24 * 60 * 60;

export interface FreshnessOptions {
  readonly now: Date;
  /** False for snapshots, which are past their `Valid-Until` by nature. */
  readonly checkValidUntil: boolean;
}

/**
 * Refuses a Release that a mirror keeps serving after its end (a freeze attack) or that is dated in the future.
 * @throws RELEASE_EXPIRED, RELEASE_FROM_FUTURE.
 */
export function checkFreshness(release: Release, name: string, options: FreshnessOptions): void {
  const { now } = options;
  const { validUntil } = release;
  if (release.date.getTime() > now.getTime() + DATE_SKEW_S * 1000) {
    throw new ShaleError(
      'RELEASE_FROM_FUTURE',
      `${name} is dated ${release.date.toISOString()}, after this machine's clock`,
      {
        data: { name, date: release.date.toISOString(), now: now.toISOString() },
        hint: 'check the clock of this machine',
      },
    );
  }
  if (options.checkValidUntil && validUntil !== undefined && validUntil.getTime() < now.getTime()) {
    throw new ShaleError('RELEASE_EXPIRED', `${name} was valid until ${validUntil.toISOString()}`, {
      data: { name, validUntil: validUntil.toISOString(), now: now.toISOString() },
      hint: 'the mirror is out of date, or a snapshot: name another one with --mirror',
    });
  }
}

function filesOf(list: string): ReadonlyMap<string, ReleaseFile> {
  const files = new Map<string, ReleaseFile>();
  for (const line of list.split('\n')) {
    if (line.trim() === '') continue;
    const match = /^\s*([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)$/.exec(line);
    const [, sha256, size, path] = match ?? [];
    if (sha256 === undefined || size === undefined || path === undefined)
      throw malformed(`a line of its SHA256 list: ${line}`);
    files.set(path, { path, sha256, sizeBytes: Number(size) });
  }
  if (files.size === 0) throw malformed('it has no SHA256 list');
  return files;
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

function dateOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function malformed(why: string): ShaleError {
  return new ShaleError('RELEASE_MALFORMED', `this is not a Release file: ${why}`);
}
