import type { Command } from '../command.ts';
import { FORCE_FLAG } from './list-flags.ts';
import { prune } from './prune.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [FORCE_FLAG],
  refused: [{ name: 'filter', why: 'prune takes no filters' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale container prune -f', says: 'without asking' }],
  run: async (context, parsed) => {
    await prune(context, parsed, { what: ['containers'], all: false }, 'Remove stopped containers?');
  },
};
