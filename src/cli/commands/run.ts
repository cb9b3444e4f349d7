import { parseLabels, readEnvironment, readLabelFiles } from '../options/assignments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { NETWORK_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { NetworkMode, RunRequest, VolumeMount } from '../../engine/index.ts';
import { parseExpose, parseNetworks } from '../options/networks.ts';
import { parsePortSpec } from '../options/ports.ts';
import { parseMountSpec } from '../options/mounts.ts';
import { parseTmpfsSpec, parseVolumeSpec } from '../options/volumes.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { outputsOf, passesInput } from '../options/attached-streams.ts';
import { openIdFile } from '../options/id-file.ts';
import { checkTraceFile, writeTrace } from '../options/trace-file.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { PROCESS_FLAGS, REFUSED_RUN_FLAGS } from './container-flags.ts';
import { buildAtNeed } from './build-at-need.ts';
import { foregroundOptions, waitInForeground } from './foreground.ts';
import { LIFE_FLAGS, lifeOptions } from './life-flags.ts';
import { hostConfigOf, SURROUNDINGS_FLAGS } from './surroundings.ts';

const PULL_CHOICES = ['always', 'missing', 'never'] as const;
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const HOSTNAME = /^(?=.{1,63}$)[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

export const command: Command = {
  usage: '[OPTIONS] IMAGE | ./FOLDER | BUILD:STEP [COMMAND] [ARG …]',
  description:
    'A folder (./web, ., /srv/web) stands for the image that its Dockerfile builds. Options end at IMAGE; what follows belongs to the command. The exit status is that of the command, 125 when shale itself failed, 126 when the command cannot be executed, 127 when it is not there. BUILD:STEP is the root file system after a step of a build as progress numbers it, cached or not, and before it when it failed; without a command its shell is started.',
  flags: [
    { kind: 'boolean', name: 'rm', summary: 'remove the container when it is done' },
    ...PROCESS_FLAGS,
    { kind: 'text', name: 'entrypoint', value: 'COMMAND', summary: 'replace the entry point of the image' },
    { kind: 'text', name: 'name', value: 'NAME', summary: 'name the container' },
    ...LIFE_FLAGS,
    {
      kind: 'list',
      name: 'volume',
      short: 'v',
      value: '[SOURCE:]TARGET[:ro]',
      summary: 'mount a folder or a named volume',
    },
    {
      kind: 'list',
      name: 'mount',
      value: 'type=TYPE,…',
      summary: 'mount a bind, volume or tmpfs, in words: source=, destination=, readonly, …',
    },
    { kind: 'list', name: 'tmpfs', value: 'TARGET[:OPTIONS]', summary: 'mount a file system in memory' },
    {
      kind: 'list',
      name: 'volumes-from',
      value: 'CONTAINER[:ro]',
      summary: 'mount what is mounted in another container',
    },
    {
      kind: 'list',
      name: 'publish',
      short: 'p',
      value: '[[IP:]HOST:]PORT',
      summary: 'make a port reachable from outside',
    },
    { kind: 'boolean', name: 'publish-all', short: 'P', summary: 'publish all exposed ports on free ones' },
    { kind: 'list', name: 'expose', value: 'PORT', summary: 'a port that it listens on' },
    {
      kind: 'list',
      name: 'network',
      value: 'NETWORK',
      summary: 'bridge, host, none, container:NAME, a name, or name=NAME,alias=…,ip=…',
    },
    { kind: 'list', name: 'network-alias', value: 'NAME', summary: 'a further name for it on its network' },
    { kind: 'text', name: 'ip', value: 'ADDRESS', summary: 'its address on its network' },
    { kind: 'text', name: 'ip6', value: 'ADDRESS', summary: 'its IPv6 address on its network' },
    { kind: 'text', name: 'mac-address', value: 'ADDRESS', summary: 'the MAC address of its first interface' },
    { kind: 'boolean', name: 'read-only', summary: 'mount the root file system read-only' },
    { kind: 'list', name: 'label', short: 'l', value: 'KEY[=VALUE]', summary: 'label the container' },
    { kind: 'list', name: 'label-file', value: 'FILE', summary: 'read labels from a file' },
    { kind: 'text', name: 'hostname', short: 'h', value: 'NAME', summary: 'the host name inside' },
    { kind: 'text', name: 'domainname', value: 'NAME', summary: 'the domain name inside' },
    { kind: 'text', name: 'cidfile', value: 'FILE', summary: 'write the id of the container to a new file' },
    ...SURROUNDINGS_FLAGS,
    {
      kind: 'text',
      name: 'pull',
      value: 'WHEN',
      choices: PULL_CHOICES,
      default: 'missing',
      summary: 'when to fetch the image',
    },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'do not show how the image is fetched or built' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    {
      kind: 'text',
      name: 'trace-files',
      value: 'FILE',
      summary: 'write which files of the image were opened or executed, for "shale lint --trace"; needs root',
    },
  ],
  refused: REFUSED_RUN_FLAGS,
  args: { min: 1, max: Infinity, optionsFirst: true, complete: 'image' },
  examples: [
    { command: 'shale run --rm -it debian bash', says: 'a shell in a fresh container' },
    { command: 'shale run --rm -it latest:3', says: 'a shell in what the third step of the last build left' },
    { command: 'shale run --rm ./web', says: 'builds the Dockerfile in ./web and runs it' },
    { command: 'shale run -d --name web -p 8080:80 nginx', says: 'a server in the background' },
    { command: 'shale run --rm -v "$PWD":/src -w /src node npm test', says: 'a command on the files of this folder' },
    {
      command: 'shale run --rm --trace-files opened.txt web',
      says: 'also takes down which files of the image it opens',
    },
  ],
  failureStatus: EXIT.usage,
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const { settings } = await context.config();
  const request = runRequest(context, parsed, settings.networkDefault);
  const foreground = foregroundOptions(parsed);
  const outputs = outputsOf(parsed.flags);
  requireTerminal(context, request);
  const traceFile = checkTraceFile(context, parsed.flags.text('trace-files'));
  using idFile = openIdFile(parsed.flags.text('cidfile'));
  await using progress = openProgress(context, parsed.flags.boolean('quiet') ? 'quiet' : settings.progress, {
    whenNeeded: true,
  });
  const engine = await context.engine();
  const wanted = await buildAtNeed(context, engine, { request, watch: progress.watch });
  const started = await engine.run(wanted, progress.watch, { traceFiles: traceFile !== undefined, ...outputs });
  idFile.write(started.containerId);
  await progress.close();
  if (!request.detach) {
    const status = await waitInForeground(context, started, foreground);
    if (traceFile !== undefined) await writeTrace(traceFile, started);
    return status;
  }
  await context.stdout.write(`${started.containerId}\n`);
  return await started.exit;
}

/**
 * The typed form of the command line.
 * @throws USAGE
 */
export function runRequest(
  context: Context,
  { flags, args }: ParsedArguments,
  network: NetworkMode,
  detach: boolean = flags.boolean('detach'),
): RunRequest {
  const [image = '', ...words] = args;
  const entrypoint = flags.text('entrypoint');
  return {
    image,
    command: words,
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint === '' ? [] : [entrypoint] }),
    ...optional('name', checked('--name', flags.text('name'), NAME, 'letters, digits and _.- only, at least two')),
    environment: readEnvironment(flags.list('env'), flags.list('env-file'), context.env),
    ...optional('workingDirectory', flags.text('workdir')),
    ...optional('user', flags.text('user')),
    ...optional('hostname', checked('--hostname', flags.text('hostname'), HOSTNAME, 'letters, digits, . and - only')),
    ...optional('domainname', flags.text('domainname')),
    hostConfig: hostConfigOf({ flags }),
    labels: parseLabels([...readLabelFiles(flags.list('label-file')), ...flags.list('label')]),
    volumes: volumesOf(context, flags),
    ...(flags.given('volumes-from') && { volumesFrom: flags.list('volumes-from').map(parseVolumesFrom) }),
    ports: flags.list('publish').flatMap(parsePortSpec),
    ...(flags.given('expose') && { exposed: flags.list('expose').flatMap(parseExpose) }),
    ...(flags.boolean('publish-all') && { publishAll: true }),
    ...networksOf(flags, network),
    readOnly: flags.boolean('read-only'),
    ...lifeOptions(flags),
    removeWhenDone: flags.boolean('rm'),
    interactive: passesInput(flags),
    terminal: flags.boolean('tty'),
    ...(flags.boolean('tty') && terminalSize(context)),
    detach,
    ...optional('platform', flags.text('platform')),
    pull: PULL_CHOICES.find((choice) => choice === flags.text('pull')) ?? 'missing',
  };
}

/** One of the plain modes as such; anything more as a list. */
function networksOf(flags: ParsedFlags, usual: NetworkMode): Pick<RunRequest, 'network' | 'networks'> {
  const networks = parseNetworks(flags);
  const [only] = networks;
  if (only === undefined) return { network: usual };
  const mode = NETWORK_CHOICES.find((choice) => choice === only.name);
  return mode !== undefined && networks.length === 1 && Object.keys(only).length === 1
    ? { network: mode }
    : { networks };
}

function volumesOf({ cwd, env }: Context, flags: ParsedFlags): VolumeMount[] {
  return [
    ...flags.list('volume').map((spec) => parseVolumeSpec(spec, { cwd, home: env['HOME'] })),
    ...flags.list('mount').map(parseMountSpec),
    ...flags.list('tmpfs').map(parseTmpfsSpec),
  ];
}

/** @throws USAGE */
function parseVolumesFrom(word: string): string {
  if (/^[^:]+(:(ro|rw|z|Z))?$/.test(word)) return word;
  throw new UsageError(`--volumes-from ${JSON.stringify(word)} is not a container`, '--volumes-from NAME[:ro]');
}

/** @throws USAGE when a terminal is to be passed on and there is none. */
export function requireTerminal(
  context: Context,
  request: { readonly interactive: boolean; readonly terminal: boolean; readonly detach: boolean },
): void {
  if (request.interactive && request.terminal && !request.detach && !context.stdin.isTerminal) {
    throw new UsageError('-t with -i needs a terminal, and standard input is none', 'leave -t out');
  }
}

/** The size of our terminal, for the one that a container gets. */
export function terminalSize({ stdout }: Context): Pick<RunRequest, 'terminalSize'> {
  const size = stdout.size();
  return size === undefined ? {} : { terminalSize: size };
}

export function optional<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [key in Name]?: string } {
  // An object with this one key, or none; TypeScript widens computed keys.
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: string };
}

function checked(flag: string, value: string | undefined, pattern: RegExp, rule: string): string | undefined {
  if (value !== undefined && !pattern.test(value)) throw new UsageError(`${flag} ${JSON.stringify(value)}: ${rule}`);
  return value;
}
