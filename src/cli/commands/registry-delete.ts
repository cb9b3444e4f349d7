import type { Command } from '../command.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: 'NAME[:TAG | @DIGEST] …',
  description:
    'Deletes in the registry, not in the store. A tag is taken away from its image, where the registry can do that; by digest ' +
    'an image goes with all its tags. The registry frees the room when it collects.',
  flags: [],
  args: { min: 1, max: Infinity },
  examples: [{ command: 'shale registry delete registry.example:5000/web:old', says: 'a tag' }],
  run: async (context, { args }) => {
    const engine = await context.engine();
    return await forEachName(context, args, async (name) => {
      await engine.registry.remove(name, context.signal);
      await context.stdout.write(`Deleted: ${name}\n`);
    });
  },
};
