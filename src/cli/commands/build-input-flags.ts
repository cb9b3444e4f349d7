import { resolve } from 'node:path';
import type { BuildRequest, NetworkMode } from '../../engine/index.ts';
import type { Flag, ParsedArguments } from '../command.ts';
import { NETWORK_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { parseAssignments } from '../options/assignments.ts';
import { dockerfileSource, isAddress, parseBuildContexts } from '../options/contexts.ts';
import { UsageError } from '../usage-error.ts';
import { STEP_FLAGS, stepOptions } from './build-step-flags.ts';

/** Flags of `build` that say what goes in: what the layers are a function of. */
export const INPUT_FLAGS: readonly Flag[] = [
  {
    kind: 'text',
    name: 'file',
    short: 'f',
    value: 'FILE',
    summary: 'the Dockerfile; in the context where that is not a folder; an address; "-" for standard input',
  },
  {
    kind: 'list',
    name: 'build-context',
    value: 'NAME=SOURCE',
    summary: 'more to copy from: a folder, docker-image://IMAGE, oci-layout://FOLDER[:TAG], or an address',
  },
  {
    kind: 'text',
    name: 'context-modes',
    value: 'KIND',
    choices: ['exact', 'git'],
    summary: 'modes of files from folders: exact, or as git keeps them (644, 755), which are the same everywhere',
  },
  {
    kind: 'list',
    name: 'build-arg',
    value: 'NAME[=VALUE]',
    summary: 'set an ARG; without value, pass the variable on',
  },
  { kind: 'text', name: 'target', value: 'STAGE', summary: 'build this stage instead of the last' },
  {
    kind: 'list',
    name: 'platform',
    value: 'OS/ARCH,…',
    summary: 'build for this platform instead of that of the machine; several make one image index',
  },
  {
    kind: 'text',
    name: 'network',
    value: 'MODE',
    choices: [...NETWORK_CHOICES, 'default'],
    summary: 'the network of RUN steps',
  },
  ...STEP_FLAGS,
];

/** The request as far as these flags and the context say it. @throws USAGE */
export function inputOptions(
  context: Context,
  { flags, args }: ParsedArguments,
  network: NetworkMode,
): Omit<BuildRequest, 'tags' | 'labels' | 'noCache' | 'pull' | 'keepNoise'> {
  const place = args[0] ?? '.';
  const file = flags.text('file');
  if (place === '-' && file === '-')
    throw new UsageError('context and Dockerfile cannot both come from standard input');
  const platforms = splitList(flags.list('platform'));
  const buildContexts = flags.list('build-context');
  const target = flags.text('target');
  const mode = flags.text('network');
  return {
    context:
      place === '-'
        ? { kind: 'stream', bytes: context.stdin.bytes() }
        : isAddress(place)
          ? { kind: 'address', address: place }
          : { kind: 'directory', path: resolve(context.cwd, place) },
    ...(file === undefined ? {} : { dockerfile: dockerfileOf(context, file, place) }),
    ...(buildContexts.length === 0 ? {} : { buildContexts: parseBuildContexts(buildContexts, context.cwd) }),
    ...(flags.text('context-modes') === 'git' ? { contextModes: 'git' } : {}),
    buildArgs: parseAssignments('--build-arg', flags.list('build-arg'), context.env),
    ...(target === undefined ? {} : { target }),
    ...(platforms.length === 0 ? {} : { platforms }),
    network: NETWORK_CHOICES.find((choice) => choice === mode) ?? network,
    ...stepOptions(context, flags),
  };
}

function dockerfileOf(context: Context, file: string, place: string): NonNullable<BuildRequest['dockerfile']> {
  if (file === '-') return { kind: 'stream', bytes: context.stdin.bytes() };
  return dockerfileSource(file, context.cwd, place !== '-' && !isAddress(place));
}

/** Values that are given one by one or separated by commas. */
export function splitList(words: readonly string[]): string[] {
  return words.flatMap((word) => word.split(',')).filter((word) => word !== '');
}
