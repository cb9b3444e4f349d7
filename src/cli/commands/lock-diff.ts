import { resolve } from 'node:path';
import { collect } from '../../base/index.ts';
import type { LockChange, LockText } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';

const LOCK_MAX_BYTES = 64 * 1024 * 1024;

export const command: Command = {
  usage: '[OPTIONS] OLD [NEW]',
  description:
    'Compares two lock files: bases, sources, packages by name and version, other answers by address. NEW is Dockerfile.lock of this folder when it is not given; "-" is standard input. The status is 2 when they differ.',
  flags: [{ kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' }],
  args: { min: 1, max: 2, complete: 'file' },
  examples: [
    { command: 'git show HEAD:Dockerfile.lock | shale lock diff -', says: 'what is not committed yet' },
    { command: 'shale lock diff old.lock new.lock', says: 'any two' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const [before = '', after = 'Dockerfile.lock'] = args;
  if (before === '-' && after === '-') throw new UsageError('only one of them can be on standard input');
  const engine = await context.engine();
  const changes = await engine.locks.diffLocks(await textOf(context, before), await textOf(context, after));
  const text = flags.text('format') === 'json' ? `${JSON.stringify(changes, null, 2)}\n` : formatLockChanges(changes);
  await context.stdout.write(text);
  return changes.length === 0 ? EXIT.success : EXIT.found;
}

async function textOf(context: Context, name: string): Promise<LockText> {
  if (name !== '-') return { kind: 'file', path: resolve(context.cwd, name) };
  const bytes = await collect(context.stdin.bytes(), LOCK_MAX_BYTES, 'the lock file on standard input');
  return { kind: 'bytes', bytes, name: 'standard input' };
}

/** A line for each change, those of a step below its text. */
export function formatLockChanges(changes: readonly LockChange[]): string {
  const lines: string[] = [];
  let step: string | undefined;
  for (const change of changes) {
    if (change.step !== undefined && change.step !== step) {
      step = change.step;
      lines.push(`in ${displayLine(step.split('\n')[0] ?? '')}\n`);
    }
    lines.push(`${change.step === undefined ? '' : '  '}${lineOf(change)}\n`);
  }
  return lines.join('');
}

function lineOf({ kind, name, before, after }: LockChange): string {
  const shown = displayLine(name.split('\n')[0] ?? '');
  const what = kind === 'package' ? shown : `${kind} ${shown}`;
  if (before === undefined) return `${what}: new${kind === 'step' ? '' : ` ${displayLine(after ?? '')}`}`;
  return after === undefined
    ? `${what}: gone${kind === 'step' ? '' : ` (was ${displayLine(before)})`}`
    : `${what}: ${displayLine(before)} → ${displayLine(after)}`;
}
