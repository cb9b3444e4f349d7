import type { Command, ParsedArguments, RefusedFlag } from '../command.ts';
import { PROGRESS_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import type { BuildRequest, NetworkMode } from '../../engine/index.ts';
import { parseLabels } from '../options/assignments.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { ATTEST_FLAGS, attestOptions } from './build-attest-flags.ts';
import { OUTPUT_FLAGS, outputOptions, printsId, requireResultFolders, writeResultFiles } from './build-output-flags.ts';
import { INPUT_FLAGS, inputOptions, splitList } from './build-input-flags.ts';
import { openProgressWithShell } from './failed-step.ts';
import { answerCall, CALL_FLAGS, callOf } from './build-call.ts';
import { formatWhy } from './why.ts';

const REFUSED: readonly RefusedFlag[] = [{ name: 'builder', why: 'there is one builder' }];

export const command: Command = {
  usage: '[OPTIONS] [CONTEXT | -]',
  description:
    'CONTEXT is a folder, "." by default; an address of a git repository (with #REF:FOLDER), of an archive or of a Dockerfile; "-" reads an archive or a Dockerfile alone from standard input. Progress goes to standard error; without -t the id of the image is printed.',
  flags: [
    { kind: 'list', name: 'tag', short: 't', value: 'NAME[:TAG]', summary: 'name the image' },
    ...INPUT_FLAGS,
    { kind: 'list', name: 'label', value: 'KEY=VALUE', summary: 'label the image' },
    { kind: 'boolean', name: 'no-cache', summary: 'run every step again' },
    { kind: 'list', name: 'no-cache-filter', value: 'STAGE,…', summary: 'run every step of these stages again' },
    { kind: 'boolean', name: 'squash', summary: 'make one layer of all that is put on the base image' },
    { kind: 'boolean', name: 'pull', summary: 'ask the registry for newer base images' },
    {
      kind: 'boolean',
      name: 'locked',
      summary: 'take from outside what the lock file holds, and nothing else; also in RUN',
    },
    { kind: 'boolean', name: 'no-lock', summary: 'pay no heed to the lock file beside the Dockerfile' },
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
    ...ATTEST_FLAGS,
    { kind: 'boolean', name: 'rm', default: true, summary: 'changes nothing: no containers stay behind' },
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
    { command: 'shale build --locked -t web .', says: 'with what Dockerfile.lock holds, without a network' },
    { command: 'shale build --check .', says: 'say what is doubtful in the Dockerfile, and build nothing' },
    { command: 'shale build --on-error shell .', says: 'stop in a step that fails, with a shell' },
    { command: 'shale build -t web https://github.com/me/web.git#main:docker', says: 'a folder of a repository' },
    {
      command: 'shale build --provenance mode=min --sbom true --push -t registry.example/web .',
      says: 'with what it is and where it came from',
    },
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
  requireResultFolders(context, flags, ['iidfile', 'metadata-file']);
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
export function buildRequest(context: Context, parsed: ParsedArguments, network: NetworkMode): BuildRequest {
  const { flags } = parsed;
  const noCacheStages = splitList(flags.list('no-cache-filter'));
  if (flags.boolean('locked') && flags.boolean('no-lock'))
    throw new UsageError('--locked and --no-lock contradict each other');
  return {
    ...inputOptions(context, parsed, network),
    tags: flags.list('tag'),
    labels: parseLabels(flags.list('label')),
    noCache: flags.boolean('no-cache'),
    pull: flags.boolean('pull'),
    ...(flags.boolean('locked') && { lock: 'replay' }),
    ...(flags.boolean('no-lock') && { lock: 'ignore' }),
    keepNoise: flags.boolean('keep-noise'),
    ...(noCacheStages.length > 0 && { noCacheStages }),
    ...(flags.boolean('squash') && { squash: true }),
    ...outputOptions(context, flags),
    ...attestOptions(flags),
  };
}
