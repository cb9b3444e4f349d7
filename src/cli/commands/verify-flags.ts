import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDuration } from '../../base/index.ts';
import type { VerifyDifference, VerifyReport } from '../../engine/index.ts';
import type { Flag, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { shortDigest } from '../output/human.ts';
import { formatTable } from '../output/table.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';

/** What every command takes that makes a thing twice, to compare. */
export const VERIFY_FLAGS: readonly Flag[] = [
  {
    kind: 'text',
    name: 'clock',
    value: 'AHEAD',
    summary: 'how far ahead the clock of steps is, 400d or 1d1h1m1s, where their C library is glibc; off leaves it',
  },
  { kind: 'text', name: 'report', value: 'FILE', summary: 'write everything that was found there, as JSON' },
];

/** Differences that are printed; --report has more. */
const SHOWN_MAX = 50;

/** Prints what was found, writes it to the file of `--report`, and gives the exit code. */
export async function tellVerified(
  context: Context,
  flags: ParsedArguments['flags'],
  report: VerifyReport,
): Promise<number> {
  const file = flags.text('report');
  if (file !== undefined) writeFileSync(resolve(context.cwd, file), `${JSON.stringify(report, null, 2)}\n`);
  await context.stdout.write(formatVerifyReport(report));
  return report.identical ? EXIT.success : EXIT.found;
}

const DAY_SECONDS = 86_400;
/** A hundred years. */
const AHEAD_SECONDS_MAX: number = 36_525 * DAY_SECONDS;

/** Seconds; 0 for `off`. @throws USAGE */
export function parseClock(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'off') return 0;
  const [, days = '0', rest = ''] = /^(?:(\d{1,6})d)?(.*)$/.exec(text) ?? [];
  const restMs = rest === '' ? 0 : parseDuration(rest);
  const seconds = Number(days) * DAY_SECONDS + Math.floor((restMs ?? Number.NaN) / 1000);
  if (seconds > 0 && seconds <= AHEAD_SECONDS_MAX) return seconds;
  throw new UsageError(
    `--clock ${JSON.stringify(text)} is no time ahead`,
    '--clock 400d, --clock 1d2h, or --clock off',
  );
}

/** The report for people: what was varied, then the differences by layer. */
export function formatVerifyReport(report: VerifyReport): string {
  const { identical, image, rebuilt, varied, notVaried, differences, moreDifferences } = report;
  const rows = [
    ['VARIED', 'WAS', 'IS'],
    ...varied.map(({ what, was, is }) => [what, displayLine(was), displayLine(is)]),
    ...notVaried.map(({ what, why }) => [what, `not varied: ${displayLine(why)}`, '']),
  ];
  const verdict = identical
    ? `identical: ${image}\n`
    : `not identical: ${shortDigest(image)} was built, and now ${shortDigest(rebuilt)}\n`;
  const lines: string[] = [];
  let at: string | undefined;
  for (const difference of differences.slice(0, SHOWN_MAX)) {
    const where = placeOf(difference);
    if (where !== at) lines.push(`${where}\n`);
    at = where;
    lines.push(lineOf(difference));
  }
  const more = moreDifferences + Math.max(0, differences.length - SHOWN_MAX);
  if (more > 0) lines.push(`and ${more} more\n`);
  return `${formatTable(rows)}\n${lines.join('')}${verdict}`;
}

function placeOf({ layer, madeBy }: VerifyDifference): string {
  return layer === undefined ? 'config' : `layer ${layer}${madeBy === undefined ? '' : `: ${displayLine(madeBy)}`}`;
}

const LETTERS = { added: 'A', removed: 'D', changed: 'C' } as const;

function lineOf({ kind, path, differs, cause, mend }: VerifyDifference): string {
  const shown = displayLine(Buffer.from(path, 'latin1').toString());
  const what = differs.length === 0 ? '' : ` (${differs.join(', ')})`;
  return `  ${LETTERS[kind]} ${shown}${what}: ${cause}\n      ${displayLine(mend)}\n`;
}
