import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { openProgress } from '../progress/open.ts';
import { optional } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG | @DIGEST]',
  flags: [
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of images for several platforms, this one' },
  ],
  refused: [
    { name: 'all-tags', short: 'a', why: 'tags are pulled one by one' },
    { name: 'disable-content-trust', why: 'signatures are not checked; digests always are' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale pull debian:trixie-slim', says: 'from Docker Hub' },
    {
      command: 'shale pull --platform linux/arm64 registry.example:5000/web',
      says: 'from a registry, for another platform',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const quiet = flags.boolean('quiet');
  const { settings } = await context.config();
  await using progress = openProgress(context, quiet ? 'quiet' : settings.progress);
  const engine = await context.engine();
  const request = { image: args[0] ?? '', ...optional('platform', flags.text('platform')) };
  const pulled = await engine.pull(request, progress.watch);
  await progress.close();
  if (!quiet) {
    const status = pulled.changed ? 'downloaded newer image for' : 'image is up to date for';
    await context.stderr.write(`digest: ${pulled.digest}\n${status} ${pulled.name}\n`);
  }
  await context.stdout.write(`${pulled.name}\n`);
}
