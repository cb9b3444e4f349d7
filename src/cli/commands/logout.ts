import type { Command } from '../command.ts';
import { registryName } from './login.ts';

export const command: Command = {
  usage: '[REGISTRY]',
  flags: [],
  args: { min: 0, max: 1 },
  examples: [{ command: 'shale logout registry.example:5000', says: 'forget who you are to a registry' }],
  run: async (context, { args }) => {
    const registry = registryName(args[0]);
    const wasKnown = await (await context.engine()).logout(registry);
    const text = wasKnown ? `Removed the credentials of ${registry}\n` : `Not logged in to ${registry}\n`;
    await context.stdout.write(text);
  },
};
