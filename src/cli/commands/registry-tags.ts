import type { Command } from '../command.ts';

export const command: Command = {
  usage: 'NAME',
  description: 'One tag a line, in the registry’s order.',
  flags: [],
  args: { min: 1, max: 1 },
  examples: [{ command: 'shale registry tags registry.example:5000/web', says: 'what versions there are' }],
  run: async (context, { args }) => {
    const engine = await context.engine();
    for await (const tag of engine.registry.tags(args[0] ?? '', context.signal)) await context.stdout.write(`${tag}\n`);
  },
};
