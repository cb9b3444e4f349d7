import type { EngineContext } from './context.ts';

/**
 * Makes operations that rely on what this engine has looked at or made: all of it stays until they have ended, whatever the
 * same engine is asked to remove or prune meanwhile.
 */
export function keeping({
  store,
}: EngineContext): <A extends readonly unknown[], R>(
  operation: (...args: A) => Promise<R>,
) => (...args: A) => Promise<R> {
  return (operation) =>
    async (...args) => {
      using _kept = store.leases.keep();
      return await operation(...args);
    };
}
