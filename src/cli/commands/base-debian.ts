import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { DebianBaseRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { makeBase, mirrorOf, RESULT_FLAGS } from './base-flags.ts';
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
    ...RESULT_FLAGS,
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
  await makeBase(context, parsed, debianRequest(parsed, settings.mirrorDebian));
}

/** @throws USAGE */
export function debianRequest({ flags }: ParsedArguments, configuredMirror: string | undefined): DebianBaseRequest {
  const suite = flags.text('suite') ?? DEFAULT_SUITE;
  if (!/^[a-z][a-z0-9-]*$/.test(suite))
    throw new UsageError(`--suite ${JSON.stringify(suite)} is not a Debian release`);
  const slim = flags.boolean('slim');
  const mirror = mirrorOf(flags.text('mirror') ?? configuredMirror);
  const tags = flags.list('tag');
  return {
    distribution: 'debian',
    suite,
    slim,
    ...optional('architecture', flags.text('arch')),
    ...optional('mirror', mirror),
    scripts: 'container',
    tags: tags.length > 0 ? tags : [`debian:${suite}${slim ? '-slim' : ''}`],
    noCache: flags.boolean('no-cache'),
  };
}
