import { ShaleError } from '../../base/index.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';

/** An answer is not longer than this. */
const ANSWER_BYTES_MAX = 1000;

/**
 * Asks on standard error; returns only after a yes.
 * @throws CANCELED after anything else, USAGE when nobody can be asked.
 */
export async function confirm(context: Context, question: string): Promise<void> {
  if (!context.stdin.isTerminal)
    throw new UsageError('nobody can be asked: standard input is no terminal', 'add --force');
  await context.stderr.write(`${question} [y/N] `);
  const answer = await readLine(context);
  if (!/^y(es)?$/i.test(answer.trim())) throw new ShaleError('CANCELED', 'nothing was removed');
}

async function readLine(context: Context): Promise<string> {
  let text = '';
  for await (const chunk of context.stdin.bytes()) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.includes('\n') || text.length > ANSWER_BYTES_MAX) break;
  }
  return text.split('\n', 1)[0] ?? '';
}
