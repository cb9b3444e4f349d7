import type { Command } from '../command.ts';
import { registryName } from './login.ts';

export const command: Command = {
  usage: 'REGISTRY',
  description: 'One name a line. Docker Hub and most public registries do not tell.',
  flags: [],
  args: { min: 1, max: 1 },
  examples: [{ command: 'shale registry repositories localhost:5000', says: 'what a registry holds' }],
  run: async (context, { args }) => {
    const engine = await context.engine();
    const registry = registryName(args[0]);
    for await (const name of engine.registry.repositories(registry, context.signal))
      await context.stdout.write(`${name}\n`);
  },
};
