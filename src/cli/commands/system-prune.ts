import type { Command } from '../command.ts';
import type { PruneRequest } from '../../engine/index.ts';
import { FORCE_FLAG } from './list-flags.ts';
import { prune } from './prune.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Removes stopped containers, images without a name, and build cache that no image needs.',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'images with a name too, unless a container uses them' },
    { kind: 'boolean', name: 'volumes', summary: 'nameless volumes too' },
    FORCE_FLAG,
  ],
  refused: [{ name: 'filter', why: 'prune takes no filters' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale system prune -f', says: 'without asking' }],
  run: async (context, parsed) => {
    const all = parsed.flags.boolean('all');
    const volumes: PruneRequest['what'] = parsed.flags.boolean('volumes') ? ['volumes'] : [];
    const question = `Remove stopped containers, ${all ? 'unused' : 'nameless'} images and build cache?`;
    await prune(context, parsed, { what: ['containers', 'images', 'build-cache', ...volumes], all }, question);
  },
};
