import { ShaleError } from '../../base/index.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Asks on standard error; returns only after a yes.
 * @throws CANCELED after anything else, USAGE when nobody can be asked.
 */
export async function confirm(context: Context, question: string): Promise<void> {
  if (!context.stdin.isTerminal)
    throw new UsageError('nobody can be asked: standard input is no terminal', 'add --force');
  await context.stderr.write(`${question} [y/N] `);
  const answer = await context.stdin.line(context.signal);
  if (!/^y(es)?$/i.test(answer?.trim() ?? '')) throw new ShaleError('CANCELED', 'nothing was removed');
}
