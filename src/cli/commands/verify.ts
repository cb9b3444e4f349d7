import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDuration } from '../../base/index.ts';
import type { VerifyDifference, RebuildReport } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { PROGRESS_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { parseLabels } from '../options/assignments.ts';
import { shortDigest } from '../output/human.ts';
import { formatTable } from '../output/table.ts';
import { displayLine } from '../output/text-width.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { INPUT_FLAGS, inputOptions } from './build-input-flags.ts';

/** Differences that are printed; --report has more. */
const SHOWN_MAX = 50;

export const command: Command = {
  usage: '[OPTIONS] IMAGE|BUILD [CONTEXT]',
  description:
    'Builds again what an image was built from: without the cache, from a copy of the context in another folder whose files lie in another order, with another umask, host name and number of processors, and later; with libfaketime, which is taken from this machine or with --clock fetched from a mirror of Debian, steps see another day too. Then compares, and says of every difference in which layer and file it is, what it comes from, and what would mend it. The status is 2 when there is one. Values of build arguments are not kept: give them again.',
  flags: [
    ...INPUT_FLAGS,
    { kind: 'list', name: 'label', value: 'KEY=VALUE', summary: 'a label that the build was given' },
    { kind: 'boolean', name: 'locked', summary: 'build with what the lock file holds, also where the build did not' },
    {
      kind: 'text',
      name: 'clock',
      value: 'AHEAD',
      summary: 'how far ahead the clock of steps is, 400d or 1d1h1m1s, where their C library is glibc; off leaves it',
    },
    { kind: 'text', name: 'report', value: 'FILE', summary: 'write everything that was found there, as JSON' },
    { kind: 'text', name: 'progress', value: 'KIND', choices: PROGRESS_CHOICES, summary: 'how progress is shown' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
  ],
  args: { min: 1, max: 2, complete: 'image' },
  examples: [
    { command: 'shale verify web', says: 'is it the same when it is built again?' },
    { command: 'shale verify --clock 400d web', says: 'in which another year is it?' },
    { command: 'shale verify --locked --report differences.json web', says: 'with recorded packages' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const [name = '', place] = args;
  const { settings } = await context.config();
  if (place === '-') throw new UsageError('verify takes a context from a folder or an address');
  const { context: given, ...input } = inputOptions(
    context,
    { flags, args: place === undefined ? [] : [place] },
    settings.networkDefault,
  );
  const kind = flags.boolean('quiet') ? 'quiet' : (flags.text('progress') ?? settings.progress);
  await using progress = openProgress(context, kind);
  const clock = parseClock(flags.text('clock'));
  const engine = await context.engine();
  const report = await engine.verifyBuild(
    {
      name,
      build: {
        ...input,
        labels: parseLabels(flags.list('label')),
        ...(place !== undefined && { context: given }),
        ...(flags.boolean('locked') && { lock: 'replay' }),
      },
      ...(clock !== undefined && { clockAheadSeconds: clock }),
    },
    progress.watch,
  );
  await progress.close();
  const file = flags.text('report');
  if (file !== undefined) writeFileSync(resolve(context.cwd, file), `${JSON.stringify(report, null, 2)}\n`);
  await context.stdout.write(formatRebuildReport(report));
  return report.identical ? EXIT.success : EXIT.found;
}

const DAY_SECONDS = 86_400;
/** A hundred years. */
const AHEAD_SECONDS_MAX: number = 36_525 * DAY_SECONDS;

/** Seconds; 0 for `off`. @throws USAGE */
function parseClock(text: string | undefined): number | undefined {
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
export function formatRebuildReport(report: RebuildReport): string {
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
