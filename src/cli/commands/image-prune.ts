import type { Command } from '../command.ts';
import { FORCE_FLAG } from './list-flags.ts';
import { prune } from './prune.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'those with a name too, unless a container uses them' },
    FORCE_FLAG,
  ],
  refused: [{ name: 'filter', why: 'prune takes no filters' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale image prune -af', says: 'all that no container uses, without asking' }],
  run: async (context, parsed) => {
    const all = parsed.flags.boolean('all');
    await prune(context, parsed, { what: ['images'], all }, `Remove ${all ? 'unused' : 'nameless'} images?`);
  },
};
