import type { Command } from '../command.ts';

export const command: Command = {
  usage: '',
  description:
    'Looks after containers that need it: restart policies, health checks, --rm with -d, logs of several files. Other commands start it when it is needed; it ends with the last of them, and is started again when it was killed.',
  flags: [],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale keeper', says: 'the same in the foreground' }],
  run: async (context) => {
    const engine = await context.engine();
    await engine.keep({ signal: context.signal });
  },
};
