import type { Command } from '../command.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: 'LIST …',
  description: 'Images that have no name of their own go with the list.',
  flags: [],
  args: { min: 1, max: Infinity, complete: 'image' },
  examples: [{ command: 'shale manifest rm registry.example/web:1', says: 'from the store' }],
  run: async (context, { args }) => {
    const engine = await context.engine();
    return await forEachName(context, args, (name) => engine.manifests.remove(name));
  },
};
