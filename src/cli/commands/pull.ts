import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { PullResult } from '../../engine/index.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { keyText } from './key-flags.ts';
import { optional } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG | @DIGEST]',
  flags: [
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of images for several platforms, this one' },
    { kind: 'boolean', name: 'all-platforms', summary: 'all of them, and the index that joins them' },
    { kind: 'boolean', name: 'all-tags', short: 'a', summary: 'every tag of the repository' },
    {
      kind: 'text',
      name: 'verify-key',
      value: 'FILE',
      summary: 'only what the owner of this public key (cosign.pub) has signed',
    },
  ],
  refused: [{ name: 'disable-content-trust', why: 'digests are always checked', instead: '--verify-key' }],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale pull debian:trixie-slim', says: 'from Docker Hub' },
    {
      command: 'shale pull --platform linux/arm64 registry.example:5000/web',
      says: 'from a registry, for another platform',
    },
    { command: 'shale pull --verify-key cosign.pub registry.example/team/web', says: 'nothing but what was signed' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [image = ''] = args;
  const allPlatforms = flags.boolean('all-platforms');
  const platform = flags.text('platform');
  if (allPlatforms && platform !== undefined)
    throw new UsageError('--platform and --all-platforms exclude each other', `shale pull --all-platforms ${image}`);
  const isWithTag = /[:@]/.test(image.slice(image.lastIndexOf('/') + 1));
  if (flags.boolean('all-tags') && isWithTag)
    throw new UsageError('--all-tags takes a name without a tag', `shale pull -a ${image.replace(/[:@][^/]*$/, '')}`);
  const quiet = flags.boolean('quiet');
  const { settings } = await context.config();
  await using progress = openProgress(context, quiet ? 'quiet' : settings.progress, { doing: 'Pulling' });
  const engine = await context.engine();
  const key = flags.text('verify-key');
  const request = {
    image,
    allPlatforms,
    ...optional('platform', platform),
    ...(key !== undefined && { publicKey: keyText(context, '--verify-key', key) }),
  };
  const pulled: PullResult[] = [];
  if (!flags.boolean('all-tags')) pulled.push(await engine.pull(request, progress.watch));
  else for await (const one of engine.pullAllTags(request, progress.watch)) pulled.push(one);
  await progress.close();
  for (const { name, digest, changed } of pulled) {
    const status = changed ? 'downloaded newer image for' : 'image is up to date for';
    if (!quiet) await context.stderr.write(`digest: ${digest}\n${status} ${name}\n`);
    await context.stdout.write(`${name}\n`);
  }
}
