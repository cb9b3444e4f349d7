import { resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import { ALPINE_MIRROR } from '../config/settings.ts';
import type { Context } from '../context.ts';
import type { AlpineBaseRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { makeBase, mirrorOf, RESULT_FLAGS, wordsOf } from './base-flags.ts';
import { optional } from './run.ts';

const DEFAULT_BRANCH = 'latest-stable';
const SCRIPT_CHOICES = ['container', 'none'] as const;

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Fetches the packages from Alpine repositories, checks their signatures and checksums, makes a layer of them and writes the database of apk: no registry is asked. Without --repo and --packages the image is named alpine:VERSION unless -t says otherwise.',
  flags: [
    { kind: 'text', name: 'branch', value: 'NAME', default: DEFAULT_BRANCH, summary: 'the release, as v3.20, or edge' },
    {
      kind: 'list',
      name: 'packages',
      value: 'NAME,…',
      summary: 'these packages and what they need, instead of the minimal system; NAME~1.2, NAME@TAG, !NAME',
    },
    { kind: 'list', name: 'include', value: 'NAME,…', summary: 'packages besides' },
    {
      kind: 'list',
      name: 'repo',
      value: '[@TAG ]PLACE',
      summary: 'a repository instead of the branch’s: an address or a folder; one with a tag is for NAME@TAG only',
    },
    { kind: 'text', name: 'mirror', value: 'URL', summary: 'where the branches lie' },
    {
      kind: 'text',
      name: 'keys',
      value: 'FOLDER',
      summary: 'trust these keys (*.rsa.pub) instead of Alpine’s; the image’s apk trusts them too',
    },
    {
      kind: 'list',
      name: 'key-fingerprint',
      value: 'SHA256',
      summary: 'trust only keys with one of these fingerprints',
    },
    {
      kind: 'text',
      name: 'arch',
      value: 'ARCH',
      summary: 'the architecture, as x86_64 or amd64; this machine’s by default',
    },
    {
      kind: 'text',
      name: 'scripts',
      value: 'HOW',
      choices: SCRIPT_CHOICES,
      default: 'container',
      summary: 'run the scripts of packages in a container, or none of them',
    },
    { kind: 'boolean', name: 'allow-outdated', summary: 'take an index that is older than the last one seen' },
    ...RESULT_FLAGS,
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale base alpine --branch v3.20', says: 'makes alpine:3.20' },
    {
      command: 'shale base alpine --branch v3.20 --include nginx -t web-base',
      says: 'with a package more',
    },
    {
      command: 'shale base alpine --repo ./packages --keys ./keys --packages busybox-binsh -t tiny',
      says: 'from a repository of one’s own',
    },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const { settings } = await context.config();
  return makeBase(context, parsed, alpineRequest(parsed, settings.mirrorAlpine, context.cwd));
}

/** @throws USAGE */
export function alpineRequest(
  { flags }: ParsedArguments,
  configuredMirror: string | undefined,
  cwd: string,
): AlpineBaseRequest {
  const branch = flags.text('branch') ?? DEFAULT_BRANCH;
  if (!/^(?:v\d+\.\d+|edge|latest-stable)$/.test(branch))
    throw new UsageError(`--branch ${JSON.stringify(branch)} is not a branch of Alpine: v3.20, edge, latest-stable`);
  const repositories = flags.list('repo').map((line) => repositoryLine(line, cwd));
  if (repositories.length > 0 && (flags.given('branch') || flags.given('mirror')))
    throw new UsageError('--repo names all repositories: --branch and --mirror are for Alpine’s own');
  const packages = wordsOf(flags.list('packages'));
  const keys = flags.text('keys');
  const fingerprints = flags.list('key-fingerprint');
  for (const each of fingerprints)
    if (!/^[0-9a-f]{64}$/i.test(each.replaceAll(':', '')))
      throw new UsageError(`--key-fingerprint ${JSON.stringify(each)} is not a SHA-256 in hexadecimal`);
  const tags = flags.list('tag');
  const isOfficial = repositories.length === 0 && packages.length === 0 && flags.text('arch') === undefined;
  const version = branch === DEFAULT_BRANCH ? 'latest' : branch.replace(/^v/, '');
  return {
    distribution: 'alpine',
    branch,
    mirror: mirrorOf(flags.text('mirror') ?? configuredMirror) ?? ALPINE_MIRROR,
    repositories,
    packages,
    include: wordsOf(flags.list('include')),
    ...optional('architecture', flags.text('arch')),
    ...optional('keyFolder', keys === undefined ? undefined : resolve(cwd, keys)),
    keyFingerprints: fingerprints,
    scripts: flags.text('scripts') === 'none' ? 'none' : 'container',
    allowOutdated: flags.boolean('allow-outdated'),
    tags: tags.length > 0 || !isOfficial ? tags : [`alpine:${version}`],
    noCache: flags.boolean('no-cache'),
  };
}

/** A folder is meant from where the command is given. */
function repositoryLine(line: string, cwd: string): string {
  const [, tag = '', place = ''] = /^(@\S+\s+)?(.*)$/.exec(line.trim()) ?? [];
  if (place === '' || place.startsWith('@')) throw new UsageError(`--repo ${JSON.stringify(line)} names no repository`);
  return `${tag}${/^[a-z]+:\/\//.test(place) ? place : resolve(cwd, place)}`;
}
