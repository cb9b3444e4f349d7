import { relative } from 'node:path';
import type { LockOutcome, LockRequest } from '../../engine/index.ts';
import type { Command, Flag, ParsedArguments } from '../command.ts';
import { PROGRESS_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { counted, humanSize } from '../output/human.ts';
import { displayLine } from '../output/text-width.ts';
import { openProgress } from '../progress/open.ts';
import { INPUT_FLAGS, inputOptions } from './build-input-flags.ts';
import { formatLockChanges } from './lock-diff.ts';

/** Of `lock` and `lock update`. */
export const LOCK_FLAGS: readonly Flag[] = [
  ...INPUT_FLAGS,
  { kind: 'text', name: 'progress', value: 'KIND', choices: PROGRESS_CHOICES, summary: 'how progress is shown' },
  { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
];

export const command: Command = {
  usage: '[OPTIONS] [CONTEXT]',
  description:
    'Builds without the cache and writes what the build takes from outside into a lock file beside the Dockerfile: digests of base images, what ADD fetches, and every package and file that RUN fetches by HTTP. All of it is kept in the store, for "shale build --locked". Give the options that the build is given.',
  flags: LOCK_FLAGS,
  args: { min: 0, max: 1, complete: 'file' },
  examples: [
    { command: 'shale lock', says: 'write Dockerfile.lock' },
    { command: 'shale lock -f prod.Dockerfile --build-arg VERSION=1.2 .', says: 'write prod.Dockerfile.lock' },
  ],
  run: async (context, parsed) => {
    const outcome = await lockWith(context, parsed, { update: false, dryRun: false });
    await context.stdout.write(formatOutcome(outcome, context.cwd));
  },
};

/** Builds and locks, showing progress. @throws USAGE, and what locking throws */
export async function lockWith(
  context: Context,
  parsed: ParsedArguments,
  how: Omit<LockRequest, 'build'>,
): Promise<LockOutcome> {
  const { flags } = parsed;
  const { settings } = await context.config();
  const input = inputOptions(context, parsed, settings.networkDefault);
  const build = { ...input, tags: [], labels: {}, noCache: true, pull: false, keepNoise: false };
  await using progress = openProgress(
    context,
    flags.boolean('quiet') ? 'quiet' : (flags.text('progress') ?? settings.progress),
  );
  const engine = await context.engine();
  const outcome = await engine.locks.lock({ build, ...how }, progress.watch);
  await progress.close();
  for (const url of outcome.redacted)
    await context.stderr.write(
      `shale: ${displayLine(url)} holds a secret: it replays, and cannot be fetched again from there\n`,
    );
  return outcome;
}

/** What was locked, and what is new in it. */
export function formatOutcome(outcome: LockOutcome, cwd: string): string {
  const { path, written, bases, sources, packages, answers, sizeBytes, changes } = outcome;
  const name = relative(cwd, path) || path;
  const counts = [
    counted(bases, 'base image'),
    ...(sources > 0 ? [counted(sources, 'source')] : []),
    counted(packages, 'package'),
    counted(answers, 'answer'),
  ];
  const head = `${written ? 'wrote' : 'unchanged'} ${displayLine(name)}: ${counts.join(', ')} (${humanSize(sizeBytes)})\n`;
  return `${head}${formatLockChanges(changes.filter(({ before }) => before !== undefined))}`;
}
