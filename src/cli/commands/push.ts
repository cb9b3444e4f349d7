import type { PushRequest, PushResult } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { optional } from './run.ts';

const COMPRESSIONS = ['gzip', 'zstd', 'none'] as const;
const FORMATS = ['oci', 'docker'] as const;
const LEVELS = { gzip: 9, zstd: 19, none: 0 } as const;

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG] [DESTINATION]',
  description:
    'What the registry has is not sent; what another repository of it has is taken from there. A pulled image goes on with ' +
    'the very same digests. The same layer compressed by the same release is the same bytes.',
  flags: [
    { kind: 'boolean', name: 'all-tags', short: 'a', summary: 'every tag of the name that is in the store' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    {
      kind: 'text',
      name: 'compression',
      value: 'KIND',
      choices: COMPRESSIONS,
      summary: 'of the layers: gzip (default), zstd or none; pulled layers of that kind stay as they came',
    },
    { kind: 'text', name: 'compression-level', value: 'N', summary: 'gzip: 1 to 9, zstd: 1 to 19' },
    {
      kind: 'text',
      name: 'format',
      value: 'FORMAT',
      choices: FORMATS,
      summary: 'media types that the manifest gets; as it has them by default',
    },
    { kind: 'boolean', name: 'force', summary: 'also under a name of Docker Hub’s own images, for what was made here' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress; print the name only' },
  ],
  refused: [{ name: 'disable-content-trust', why: 'nothing is signed by push' }],
  args: { min: 1, max: 2, complete: 'image' },
  examples: [
    { command: 'shale push registry.example:5000/web:1.2', says: 'under its own name' },
    { command: 'shale push --compression zstd web registry.example:5000/web', says: 'under another name, smaller' },
    { command: 'shale push -a registry.example:5000/web', says: 'every tag' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const { flags } = parsed;
  const request = pushRequest(parsed);
  const quiet = flags.boolean('quiet');
  const { settings } = await context.config();
  await using progress = openProgress(context, quiet ? 'quiet' : settings.progress, { doing: 'Pushing' });
  const engine = await context.engine();
  const pushed: PushResult[] = [];
  if (!flags.boolean('all-tags')) pushed.push(await engine.push(request, progress.watch));
  else for await (const one of engine.pushAllTags(request, progress.watch)) pushed.push(one);
  await progress.close();
  for (const { name, digest, sizeBytes } of pushed) {
    const tag = name.slice(name.lastIndexOf(':') + 1);
    await context.stdout.write(quiet ? `${name}\n` : `${tag}: digest: ${digest} size: ${sizeBytes}\n`);
  }
}

function pushRequest({ flags, args }: ParsedArguments): PushRequest {
  const [image = '', destination] = args;
  const compression = COMPRESSIONS.find((kind) => kind === flags.text('compression'));
  const format = FORMATS.find((one) => one === flags.text('format'));
  if (flags.boolean('all-tags') && (destination !== undefined || /:[^/]*$/.test(image)))
    throw new UsageError('--all-tags takes one name without a tag', 'shale push -a registry.example/web');
  if (flags.boolean('all-tags') && flags.text('platform') !== undefined)
    throw new UsageError('--all-tags and --platform exclude each other');
  const level = levelOf(flags.text('compression-level'), compression ?? 'gzip');
  return {
    image,
    ...optional('destination', destination?.replace(/^docker:\/\//, '')),
    ...optional('platform', flags.text('platform')),
    ...(compression !== undefined && { compression }),
    ...(level !== undefined && { level }),
    ...(format !== undefined && { format }),
    force: flags.boolean('force'),
  };
}

function levelOf(text: string | undefined, compression: (typeof COMPRESSIONS)[number]): number | undefined {
  if (text === undefined) return undefined;
  const max = LEVELS[compression];
  if (max > 0 && /^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= max) return Number(text);
  throw new UsageError(
    compression === 'none'
      ? '--compression-level has no meaning with --compression none'
      : `--compression-level of ${compression} is 1 to ${max}, not ${JSON.stringify(text)}`,
  );
}
