import { resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Settings } from '../config/settings.ts';
import type { Context } from '../context.ts';
import type { DebianBaseRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { makeBase, mirrorOf, RESULT_FLAGS, wordsOf } from './base-flags.ts';
import { optional } from './run.ts';

const DEFAULT_SUITE = 'stable';
const SCRIPT_CHOICES = ['container', 'emulate', 'none'] as const;

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Fetches the packages from a Debian mirror, checks their signatures and digests, and makes a layer of them: no registry is asked. The image is named debian:SUITE, or debian:SUITE-slim, unless -t says otherwise.',
  flags: [
    { kind: 'text', name: 'suite', value: 'NAME', default: DEFAULT_SUITE, summary: 'the release' },
    { kind: 'boolean', name: 'slim', summary: 'leave out documentation, manuals and translations' },
    { kind: 'text', name: 'arch', value: 'ARCH', summary: 'the architecture, as amd64; this machine’s by default' },
    { kind: 'text', name: 'mirror', value: 'URL', summary: 'where packages come from' },
    { kind: 'boolean', name: 'updates', summary: 'take newer packages of the suites for updates and security' },
    { kind: 'text', name: 'security-mirror', value: 'URL', summary: 'where security updates come from; implies them' },
    { kind: 'text', name: 'snapshot', value: 'TIMESTAMP', summary: 'the archive as it was then, as 20260801T000000Z' },
    { kind: 'list', name: 'include', value: 'NAME,…', summary: 'packages besides the minimal ones' },
    { kind: 'list', name: 'exclude', value: 'NAME,…', summary: 'packages that are not to be in it' },
    {
      kind: 'list',
      name: 'packages',
      value: 'NAME,…',
      summary: 'nothing but these and what they need: no apt, no dpkg, no shell, no scripts',
    },
    {
      kind: 'text',
      name: 'scripts',
      value: 'HOW',
      choices: SCRIPT_CHOICES,
      summary:
        'who runs the scripts of packages: a container of the image, one of this machine’s architecture beside it (no emulator), or nobody; the first that works if not given',
    },
    { kind: 'list', name: 'keyring', value: 'FILE', summary: 'trust these keys instead of Debian’s' },
    { kind: 'list', name: 'key-fingerprint', value: 'HEX', summary: 'trust only keys with one of these fingerprints' },
    { kind: 'boolean', name: 'allow-outdated', summary: 'take lists past their end, or older than those last seen' },
    ...RESULT_FLAGS,
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale base debian --suite trixie --slim', says: 'makes debian:trixie-slim' },
    {
      command: 'shale base debian --suite trixie --arch arm64 -t base:arm64',
      says: 'for another machine, without emulator',
    },
    {
      command: 'shale base debian --packages libc6,ca-certificates --exclude debconf,openssl -t tiny',
      says: 'without a shell',
    },
    { command: 'shale base debian --suite trixie --verify', says: 'is it the same when it is made again?' },
    { command: 'shale base debian --mirror http://mirror.example/debian -t base', says: 'from a mirror, with a name' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const { settings } = await context.config();
  return makeBase(context, parsed, debianRequest(parsed, settings, context.cwd));
}

/** @throws USAGE */
export function debianRequest(
  { flags }: ParsedArguments,
  settings: Pick<Settings, 'mirrorDebian' | 'mirrorSnapshot'>,
  cwd: string,
): DebianBaseRequest {
  const suite = flags.text('suite') ?? DEFAULT_SUITE;
  if (!/^[a-z][a-z0-9-]*$/.test(suite))
    throw new UsageError(`--suite ${JSON.stringify(suite)} is not a Debian release`);
  const slim = flags.boolean('slim');
  const tags = flags.list('tag');
  const packages = wordsOf(flags.list('packages'));
  const include = wordsOf(flags.list('include'));
  if (packages.length > 0 && include.length > 0)
    throw new UsageError('--packages is all that is in the image; --include adds to the minimal system');
  for (const name of [...packages, ...include, ...wordsOf(flags.list('exclude'))])
    if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) throw new UsageError(`${JSON.stringify(name)} is no name of a package`);
  if (packages.length > 0 && flags.given('scripts'))
    throw new UsageError('--packages runs no scripts', 'what they would make, --include has made in a minimal system');
  const fingerprints = flags.list('key-fingerprint');
  for (const each of fingerprints)
    if (!/^[0-9a-f]{40}$/i.test(each.replaceAll(/[\s:]/g, '')))
      throw new UsageError(`--key-fingerprint ${JSON.stringify(each)} is not the fingerprint of an OpenPGP key`);
  const scripts = SCRIPT_CHOICES.find((each) => each === flags.text('scripts'));
  // An image for another machine does not take the name of this one's.
  const isPlain = packages.length === 0 && include.length === 0 && flags.text('arch') === undefined;
  return {
    distribution: 'debian',
    suite,
    slim,
    ...mirrors(flags, settings),
    ...optional('architecture', flags.text('arch')),
    include,
    exclude: wordsOf(flags.list('exclude')),
    packages,
    keyrings: flags.list('keyring').map((file) => resolve(cwd, file)),
    keyFingerprints: fingerprints,
    ...(scripts !== undefined && { scripts }),
    allowOutdated: flags.boolean('allow-outdated'),
    tags: tags.length > 0 || !isPlain ? tags : [`debian:${suite}${slim ? '-slim' : ''}`],
    noCache: flags.boolean('no-cache'),
  };
}

/** Where packages come from. A snapshot is an archive of its own, with the same security archive beside it. */
function mirrors(
  flags: ParsedArguments['flags'],
  { mirrorDebian, mirrorSnapshot }: Pick<Settings, 'mirrorDebian' | 'mirrorSnapshot'>,
): Pick<DebianBaseRequest, 'mirror' | 'securityMirror' | 'updates' | 'isSnapshot'> {
  const security = mirrorOf(flags.text('security-mirror'));
  const updates = flags.boolean('updates') || security !== undefined;
  const snapshot = flags.text('snapshot');
  if (snapshot === undefined) {
    return {
      updates,
      isSnapshot: false,
      ...optional('mirror', mirrorOf(flags.text('mirror') ?? mirrorDebian)),
      ...optional('securityMirror', security),
    };
  }
  if (!/^\d{8}T\d{6}Z$/.test(snapshot))
    throw new UsageError(`--snapshot ${JSON.stringify(snapshot)} is no time like 20260801T000000Z`);
  const template = flags.text('mirror') ?? mirrorSnapshot;
  if (template?.includes('{timestamp}') !== true) {
    throw new UsageError(
      '--snapshot needs an archive of snapshots, whose address has {timestamp} in it, and {archive} for debian and debian-security',
      "--mirror 'http://snapshots.example/archive/{archive}/{timestamp}', or the setting mirror.snapshot",
    );
  }
  const at = (archive: string): string => template.replaceAll('{timestamp}', snapshot).replaceAll('{archive}', archive);
  const ownSecurity = template.includes('{archive}') ? at('debian-security') : undefined;
  return {
    updates,
    isSnapshot: true,
    ...optional('mirror', mirrorOf(at('debian'))),
    ...optional('securityMirror', security ?? (updates ? ownSecurity : undefined)),
  };
}
