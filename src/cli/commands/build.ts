import { resolve } from 'node:path';
import type { Command, ParsedArguments, RefusedFlag } from '../command.ts';
import { PROGRESS_CHOICES, NETWORK_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import type { BuildRequest, NetworkMode } from '../../engine/index.ts';
import { parseAssignments, parseLabels } from '../options/assignments.ts';
import { dockerfileSource, isAddress, parseBuildContexts } from '../options/contexts.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { OUTPUT_FLAGS, outputOptions, printsId, writeResultFiles } from './build-output-flags.ts';
import { STEP_FLAGS, stepOptions } from './build-step-flags.ts';
import { openProgressWithShell } from './failed-step.ts';
import { answerCall, CALL_FLAGS, callOf } from './build-call.ts';
import { formatWhy } from './why.ts';

const REFUSED: readonly RefusedFlag[] = [
  { name: 'attest', why: 'shale makes no attestations' },
  { name: 'builder', why: 'there is one builder' },
];

export const command: Command = {
  usage: '[OPTIONS] [CONTEXT | -]',
  description:
    'CONTEXT is a folder, "." by default; an address of a git repository (with #REF:FOLDER), of an archive or of a Dockerfile; "-" reads an archive or a Dockerfile alone from standard input. Progress goes to standard error; without -t the id of the image is printed.',
  flags: [
    { kind: 'list', name: 'tag', short: 't', value: 'NAME[:TAG]', summary: 'name the image' },
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
    { kind: 'list', name: 'label', value: 'KEY=VALUE', summary: 'label the image' },
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
    { kind: 'boolean', name: 'no-cache', summary: 'run every step again' },
    { kind: 'list', name: 'no-cache-filter', value: 'STAGE,…', summary: 'run every step of these stages again' },
    { kind: 'boolean', name: 'squash', summary: 'make one layer of all that is put on the base image' },
    { kind: 'boolean', name: 'pull', summary: 'ask the registry for newer base images' },
    ...CALL_FLAGS,
    { kind: 'boolean', name: 'explain', summary: 'say afterwards why each step ran or was cached' },
    {
      kind: 'text',
      name: 'on-error',
      value: 'shell',
      choices: ['shell'],
      summary: 'look into a step that fails: before and after its command',
    },
    { kind: 'boolean', name: 'keep-noise', summary: 'keep logs and caches of package managers in layers' },
    { kind: 'text', name: 'progress', value: 'KIND', choices: PROGRESS_CHOICES, summary: 'how progress is shown' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress, print the id of the image' },
    ...OUTPUT_FLAGS,
    { kind: 'boolean', name: 'rm', default: true, summary: 'changes nothing: no containers stay behind' },
    { kind: 'text', name: 'provenance', value: 'false', choices: ['false'], summary: 'changes nothing: none is made' },
    { kind: 'text', name: 'sbom', value: 'false', choices: ['false'], summary: 'changes nothing: none is made' },
  ],
  refused: REFUSED,
  args: { min: 0, max: 1, complete: 'file' },
  examples: [
    { command: 'shale build -t web .', says: 'build the Dockerfile of this folder' },
    {
      command: 'shale build -f prod.Dockerfile --build-arg VERSION=1.2 -t web:1.2 .',
      says: 'another file, with an argument',
    },
    { command: 'shale build --explain -t web .', says: 'say which input made a step run again' },
    { command: 'shale build --check .', says: 'say what is doubtful in the Dockerfile, and build nothing' },
    { command: 'shale build --on-error shell .', says: 'stop in a step that fails, with a shell' },
    { command: 'shale build -t web https://github.com/me/web.git#main:docker', says: 'a folder of a repository' },
    { command: 'shale build -o out .', says: 'only the files of the result, into a folder' },
    {
      command: 'shale build --platform linux/amd64,linux/arm64 -t web .',
      says: 'one name for the images of two platforms',
    },
    { command: 'printf "FROM alpine\\nRUN apk add curl\\n" | shale build -t tools -', says: 'without a context' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number | void> {
  const { flags } = parsed;
  const quiet = flags.boolean('quiet');
  const config = await context.config();
  const request = buildRequest(context, parsed, config.settings.networkDefault);
  const call = callOf(flags);
  if (call !== undefined) return answerCall(context, request, call);
  const open = flags.text('on-error') === 'shell' ? openProgressWithShell : openProgress;
  await using progress = open(context, quiet ? 'quiet' : (flags.text('progress') ?? config.settings.progress));
  const engine = await context.engine();
  const outcome = await engine.build(request, progress.watch);
  await progress.close();
  writeResultFiles(context, flags, outcome);
  if (flags.boolean('explain')) await context.stderr.write(formatWhy(await engine.why({ build: outcome.buildId })));
  if (printsId(request, quiet)) await context.stdout.write(`${outcome.imageId}\n`);
}

/**
 * The typed form of the command line.
 * @throws USAGE
 */
export function buildRequest(context: Context, { flags, args }: ParsedArguments, network: NetworkMode): BuildRequest {
  const place = args[0] ?? '.';
  const file = flags.text('file');
  if (place === '-' && file === '-')
    throw new UsageError('context and Dockerfile cannot both come from standard input');
  const platforms = splitList(flags.list('platform'));
  const noCacheStages = splitList(flags.list('no-cache-filter'));
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
    tags: flags.list('tag'),
    buildArgs: parseAssignments('--build-arg', flags.list('build-arg'), context.env),
    labels: parseLabels(flags.list('label')),
    ...(target === undefined ? {} : { target }),
    ...(platforms.length === 0 ? {} : { platforms }),
    network: NETWORK_CHOICES.find((choice) => choice === mode) ?? network,
    noCache: flags.boolean('no-cache'),
    pull: flags.boolean('pull'),
    keepNoise: flags.boolean('keep-noise'),
    ...(noCacheStages.length > 0 && { noCacheStages }),
    ...(flags.boolean('squash') && { squash: true }),
    ...outputOptions(context, flags),
    ...stepOptions(context, flags),
  };
}

function dockerfileOf(context: Context, file: string, place: string): NonNullable<BuildRequest['dockerfile']> {
  if (file === '-') return { kind: 'stream', bytes: context.stdin.bytes() };
  return dockerfileSource(file, context.cwd, place !== '-' && !isAddress(place));
}

/** Values that are given one by one or separated by commas. */
function splitList(words: readonly string[]): string[] {
  return words.flatMap((word) => word.split(',')).filter((word) => word !== '');
}
