import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatOutcome, LOCK_FLAGS, lockWith } from './lock.ts';
import { formatLockChanges } from './lock-diff.ts';

export const command: Command = {
  usage: '[OPTIONS] [CONTEXT]',
  description:
    'Writes a lock file anew: base images are asked for in their registries, and everything is fetched as it is now. With --only nothing but these packages may change; when more would, the lock file stays as it is and what it was is said. The status of --dry-run is 2 when something would change.',
  flags: [
    ...LOCK_FLAGS,
    {
      kind: 'list',
      name: 'only',
      value: 'PACKAGE',
      summary: 'let only these packages change, as apt:nginx or "npm:@types/*"; bases and sources stay',
    },
    { kind: 'boolean', name: 'dry-run', summary: 'show what would change, and write nothing' },
  ],
  args: { min: 0, max: 1, complete: 'file' },
  examples: [
    { command: 'shale lock update', says: 'take what is new' },
    { command: "shale lock update --only 'apt:nginx*'", says: 'nginx and its parts, and nothing else' },
    { command: 'shale lock update --dry-run', says: 'what is new' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const dryRun = parsed.flags.boolean('dry-run');
  const outcome = await lockWith(context, parsed, { update: true, only: parsed.flags.list('only'), dryRun });
  if (!dryRun) {
    await context.stdout.write(formatOutcome(outcome, context.cwd));
    return EXIT.success;
  }
  await context.stdout.write(formatLockChanges(outcome.changes));
  return outcome.changes.length === 0 ? EXIT.success : EXIT.found;
}
