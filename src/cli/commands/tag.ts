import type { Command } from '../command.ts';

export const command: Command = {
  usage: 'IMAGE NAME[:TAG]',
  flags: [],
  args: { min: 2, max: 2, complete: 'image' },
  examples: [{ command: 'shale tag web registry.example:5000/web:1.2', says: 'a name for a registry' }],
  run: async (context, { args }) => {
    const [source = '', target = ''] = args;
    await (await context.engine()).tag(source, target);
  },
};
