import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { BaseRequest } from '../../engine/index.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { optional } from './run.ts';

const DEFAULT_SUITE = 'stable';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Fetches the packages from a Debian mirror, checks their signatures and digests, and makes a layer of them: no registry is asked. The image is named debian:SUITE, or debian:SUITE-slim, unless -t says otherwise.',
  flags: [
    { kind: 'text', name: 'suite', value: 'NAME', default: DEFAULT_SUITE, summary: 'the release' },
    { kind: 'boolean', name: 'slim', summary: 'leave out documentation, manuals and translations' },
    { kind: 'text', name: 'arch', value: 'ARCH', summary: 'the architecture, as amd64; this machine’s by default' },
    { kind: 'text', name: 'mirror', value: 'URL', summary: 'where packages come from' },
    { kind: 'list', name: 'tag', short: 't', value: 'NAME[:TAG]', summary: 'name the image' },
    { kind: 'boolean', name: 'no-cache', summary: 'make it anew even if nothing changed' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale base debian --suite trixie --slim', says: 'makes debian:trixie-slim' },
    { command: 'shale base debian --mirror http://mirror.example/debian -t base', says: 'from a mirror, with a name' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const { settings } = await context.config();
  const request = baseRequest(parsed, settings.mirrorDebian);
  await using progress = openProgress(context, parsed.flags.boolean('quiet') ? 'quiet' : settings.progress);
  const engine = await context.engine();
  const { imageId, tags } = await engine.makeBase(request, progress.watch);
  await progress.close();
  await context.stdout.write(`${imageId}\n`);
  if (!parsed.flags.boolean('quiet')) await context.stderr.write(tags.map((tag) => `named ${tag}\n`).join(''));
}

/** @throws USAGE */
export function baseRequest({ flags }: ParsedArguments, configuredMirror: string | undefined): BaseRequest {
  const suite = flags.text('suite') ?? DEFAULT_SUITE;
  if (!/^[a-z][a-z0-9-]*$/.test(suite))
    throw new UsageError(`--suite ${JSON.stringify(suite)} is not a Debian release`);
  const mirror = flags.text('mirror') ?? configuredMirror;
  if (mirror !== undefined && !/^https?:$/.test(URL.parse(mirror)?.protocol ?? '')) {
    throw new UsageError(`--mirror ${JSON.stringify(mirror)} is not an http or https address`);
  }
  return {
    distribution: 'debian',
    suite,
    slim: flags.boolean('slim'),
    ...optional('architecture', flags.text('arch')),
    ...optional('mirror', mirror),
    tags: flags.list('tag'),
    noCache: flags.boolean('no-cache'),
  };
}
