import type { Command } from '../command.ts';

/** Milliseconds for a start or a removal that is under way when a signal comes. */
const GRACE_MS = 30_000;

export const command: Command = {
  usage: '',
  description:
    'Looks after containers that need it: restart policies, health checks, --rm with -d, logs of several files. Other commands start it when it is needed; it ends with the last of them, and is started again when it was killed. SIGTERM, SIGINT and SIGHUP end it with status 0, once the starts and removals that it has begun are done; a second one ends it at once. The containers go on.',
  flags: [],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale keeper', says: 'the same in the foreground' }],
  run: async (context) => {
    context.serveUntilSignal(GRACE_MS);
    const engine = await context.engine();
    await engine.keep({ signal: context.signal });
  },
};
