import type { Command } from '../command.ts';
import { openProgress } from '../progress/open.ts';
import { optional } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] LIST [DESTINATION]',
  description: 'Sends the list with all its images, as "shale push" does; what the registry has is not sent.',
  flags: [
    { kind: 'boolean', name: 'purge', short: 'p', summary: 'remove the list from the store afterwards' },
    { kind: 'boolean', name: 'all', default: true, summary: 'send the images too; so it is always' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
  ],
  refused: [{ name: 'insecure', why: 'the setting registry.insecure names such registries' }],
  args: { min: 1, max: 2, complete: 'image' },
  examples: [{ command: 'shale manifest push registry.example/web:1', says: 'under its own name' }],
  run: async (context, { flags, args }) => {
    const [image = '', destination] = args;
    const { settings } = await context.config();
    const kind = flags.boolean('quiet') ? 'quiet' : settings.progress;
    await using progress = openProgress(context, kind, { doing: 'Pushing' });
    const engine = await context.engine();
    const { digest } = await engine.push(
      { image, ...optional('destination', destination), force: false },
      progress.watch,
    );
    await progress.close();
    if (flags.boolean('purge')) await engine.manifests.remove(image);
    await context.stdout.write(`${digest}\n`);
  },
};
