import type { Command } from '../command.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME',
  description:
    'The manifest or index that a name of the store leads to, as a push would send it; of a name that the store does not have, ' +
    'the registry’s.',
  flags: [{ kind: 'boolean', name: 'raw', summary: 'print the bytes as they are' }],
  refused: [
    { name: 'verbose', short: 'v', why: 'the manifests of an index are inspected one by one' },
    { name: 'insecure', why: 'the setting registry.insecure names such registries' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [{ command: 'shale manifest inspect debian:12', says: 'which platforms there are' }],
  run: async (context, { flags, args }) => {
    const engine = await context.engine();
    const { bytes } = await engine.manifests.inspect(args[0] ?? '', { signal: context.signal });
    if (flags.boolean('raw')) return await context.stdout.write(bytes);
    const document: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    await context.stdout.write(`${JSON.stringify(document, undefined, 3)}\n`);
  },
};
