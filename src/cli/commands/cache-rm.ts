import type { Command } from '../command.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: 'ID|NAME …',
  description: 'A name means every cache mount of that name. What a running build uses stays.',
  flags: [],
  args: { min: 1, max: Infinity },
  examples: [
    { command: 'shale cache rm /root/.npm', says: 'the cache mounts of that name' },
    { command: 'shale cache rm 3fd1a9', says: 'by the beginning of an id' },
  ],
  run: async (context, { args }) => {
    const engine = await context.engine();
    return forEachName(context, args, async (name) => {
      for (const { id } of await engine.cache.remove(name)) await context.stdout.write(`${id}\n`);
    });
  },
};
