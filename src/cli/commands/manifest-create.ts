import type { Command } from '../command.ts';

export const command: Command = {
  usage: '[OPTIONS] LIST IMAGE …',
  description:
    'The list is a name of the store that leads to several images, one for each platform. An IMAGE that is not in the store is ' +
    'asked for in its registry; its layers stay there until something needs them.',
  flags: [{ kind: 'boolean', name: 'amend', short: 'a', summary: 'add to a list that is there' }],
  refused: [{ name: 'insecure', why: 'the setting registry.insecure names such registries' }],
  args: { min: 2, max: Infinity, complete: 'image' },
  examples: [
    {
      command: 'shale manifest create registry.example/web:1 registry.example/web:1-amd64 registry.example/web:1-arm64',
      says: 'of two images',
    },
  ],
  run: async (context, { flags, args }) => {
    const [list = '', ...images] = args;
    const engine = await context.engine();
    const request = { list, images, amend: flags.boolean('amend') };
    const { name } = await engine.manifests.create(request, { signal: context.signal });
    await context.stdout.write(`Created manifest list ${name}\n`);
  },
};
