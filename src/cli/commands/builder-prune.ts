import type { Command } from '../command.ts';
import { FORCE_FLAG } from './list-flags.ts';
import { prune } from './prune.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'also what the images here were built from' },
    FORCE_FLAG,
  ],
  refused: [
    { name: 'filter', why: 'prune takes no filters' },
    { name: 'keep-storage', why: 'the cap is a setting', instead: 'cache.max in config.toml' },
    { name: 'max-used-space', why: 'the cap is a setting', instead: 'cache.max in config.toml' },
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale builder prune -af', says: 'the whole cache, without asking' }],
  run: async (context, parsed) => {
    const all = parsed.flags.boolean('all');
    await prune(context, parsed, { what: ['build-cache'], all }, `Remove ${all ? 'all' : 'unused'} build cache?`);
  },
};
