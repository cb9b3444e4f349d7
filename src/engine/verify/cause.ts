import type { TreeChange } from '../compare-trees.ts';
import { CLOCK_PATH, type DifferenceCause } from './verify-types.ts';

/** What two builds wrote at one path, as far as it is known. */
export interface Compared {
  readonly change: TreeChange;
  /** The contents of a file in both, where both are files that are small enough to be looked at. */
  readonly before?: Buffer;
  readonly after?: Buffer;
}

export interface Diagnosis {
  readonly cause: DifferenceCause;
  readonly mend: string;
}

const MENDS: Readonly<Record<DifferenceCause, string>> = {
  'time stamp':
    'have the program take SOURCE_DATE_EPOCH for the time, or leave time out (gzip -n, zip -X, ar D, date -d @$SOURCE_DATE_EPOCH)',
  log: 'remove it in the same RUN: rm -f PATH',
  'random id': 'remove it in the same RUN and make it when the container starts',
  bytecode: 'ENV PYTHONDONTWRITEBYTECODE=1, or python3 -m compileall --invalidation-mode unchecked-hash',
  'hash order': 'sort what is written; ENV PYTHONHASHSEED=0 and PERL_HASH_SEED=0 fix the order of hashes',
  locale: 'fix it: ENV LC_ALL=C.UTF-8',
  'cpu count': 'do not write the number of processors: make -j1, or give the number',
  'package index': 'pin versions, or fetch from recorded bytes: shale lock, then shale build --locked',
  variables:
    'its variables are written into it, and another clock is one of them; look with --clock off whether more differs',
  unknown: 'shale diff shows both images; look at the program that writes PATH',
};

/** Places whose contents say by themselves what they are. */
const BY_PATH: readonly (readonly [RegExp, DifferenceCause])[] = [
  [/(?:^|\/)__pycache__\/|\.py[co]$/, 'bytecode'],
  [
    /(?:^|\/)var\/lib\/apt\/lists\/|(?:^|\/)var\/cache\/apt\/|(?:^|\/)APKINDEX\.[^/]*$|(?:^|\/)lib\/apk\/db\//,
    'package index',
  ],
  [/(?:^|\/)var\/log\/|\.log$/, 'log'],
  [/(?:^|\/)etc\/machine-id$|ssh_host_[^/]*_key(?:\.pub)?$|random-seed$|(?:^|\/)\.?uuid$/, 'random id'],
  [/(?:^|\/)usr\/lib\/locale\/|(?:^|\/)LC_[A-Z]+(?:\/|$)/, 'locale'],
];

/** Times as programs write them: ISO 8601, RFC 5322, ctime, clock times, and seconds or milliseconds since 1970. */
const TIMES =
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?|\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ -]+\d{1,4}(?: \d\d:\d\d:\d\d)?(?: [A-Z]{3,4})?(?: \d{4})?|\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b|\b1[5-9]\d{8}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?\b/g;
/** UUIDs, hex and base64 that are too long to be chance. */
const IDS =
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-fA-F]{12,}\b|[A-Za-z0-9+/]{40,}={0,2}/g;
/** Numbers alone that are as small as counts of processors. */
const COUNTS = /(?<!\d)\d{1,4}(?!\d)/g;
const RANDOM_NAME = /[0-9a-f]{12,}|\b(?:tmp|temp)[.-]?[A-Za-z0-9_]{5,}|\.[A-Za-z0-9]{6}$/i;

/** The likeliest reason why two builds wrote different things, with what would make them the same. */
export function diagnose(compared: Compared): Diagnosis {
  const cause = causeOf(compared);
  return { cause, mend: MENDS[cause].replace('PATH', `/${compared.change.path}`) };
}

function causeOf({ change, before, after }: Compared): DifferenceCause {
  const { path } = change;
  const found = BY_PATH.find(([pattern]) => pattern.test(path));
  if (found !== undefined) return found[1];
  if (change.kind !== 'changed')
    return RANDOM_NAME.test(path.slice(path.lastIndexOf('/') + 1)) ? 'random id' : 'unknown';
  if (change.differs.every((one) => one === 'time')) return 'time stamp';
  if (change.differs.includes('link')) return RANDOM_NAME.test(change.after.linkTarget()) ? 'random id' : 'unknown';
  return before === undefined || after === undefined ? 'unknown' : causeOfContents(before, after);
}

function causeOfContents(before: Buffer, after: Buffer): DifferenceCause {
  if (after.includes(CLOCK_PATH) && !before.includes(CLOCK_PATH)) return 'variables';
  if (hasTimeInHeader(before, after)) return 'time stamp';
  const [one, other] = [before.toString('latin1'), after.toString('latin1')];
  if (one.replaceAll(TIMES, '') === other.replaceAll(TIMES, '')) return 'time stamp';
  const lines = (text: string): string =>
    text
      .split(/[\n,;{}[\]]/)
      .map((line) => line.trim())
      .toSorted()
      .join('\n');
  if (lines(one) === lines(other)) return 'hash order';
  const [oneTimeless, otherTimeless] = [one.replaceAll(TIMES, ''), other.replaceAll(TIMES, '')];
  if (oneTimeless.replaceAll(IDS, '') === otherTimeless.replaceAll(IDS, '')) return 'random id';
  const isText = !before.includes(0) && !after.includes(0);
  if (isText && one.replaceAll(COUNTS, '') === other.replaceAll(COUNTS, '')) return 'cpu count';
  return 'unknown';
}

/** gzip (RFC 1952 §2.3), zip and ar hold the time beside the data; so does ELF's debug link of nothing: only these are known. */
function hasTimeInHeader(before: Buffer, after: Buffer): boolean {
  if (before.length !== after.length) return false;
  const without = (bytes: Buffer, from: number, to: number): Buffer =>
    Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  const isGzip = before[0] === 0x1f && before[1] === 0x8b;
  if (isGzip) return without(before, 4, 8).equals(without(after, 4, 8));
  if (before.toString('latin1', 0, 2) === 'PK') return withoutZipTimes(before).equals(withoutZipTimes(after));
  return false;
}

/** Local headers have the time at 10, central ones at 12 (APPNOTE 4.3.7, 4.3.12). */
function withoutZipTimes(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (const [signature, offset] of [
    ['PK\x03\x04', 10],
    ['PK\x01\x02', 12],
  ] as const)
    for (let at = copy.indexOf(signature, 0, 'latin1'); at >= 0; at = copy.indexOf(signature, at + 4, 'latin1'))
      copy.fill(0, at + offset, at + offset + 4);
  return copy;
}
