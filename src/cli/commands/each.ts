import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { reportError } from '../report-error.ts';

/**
 * Does `action` for every name, one after the other. A failure is told and does not keep the others from being tried;
 * the status says whether any failed.
 */
export async function forEachName(
  context: Context,
  names: readonly string[],
  action: (name: string) => Promise<void>,
): Promise<number> {
  let status: number = EXIT.success;
  for (const name of names) {
    context.signal.throwIfAborted();
    try {
      await action(name);
    } catch (error) {
      if (context.signal.aborted) throw error;
      await context.stderr.write(reportError(error, { debug: context.debug, colors: context.stderr.colors }));
      status = EXIT.failure;
    }
  }
  return status;
}
