import { posix } from 'node:path';
import { fromText, toText, type ByteString } from '../../base/index.ts';
import type { ExecMount, ExecOp } from '../../graph/index.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import { chompHeredoc, readHeredocMark, summarizeHeredoc } from '../syntax/heredocs.ts';
import type { CommandLine, RunInstruction } from '../syntax/instructions.ts';
import { readMount, type MountFlag } from '../syntax/mounts.ts';
import { cleanPath } from '../syntax/ignore.ts';
import type { Word } from '../syntax/tree.ts';
import type { Lookup } from '../syntax/words.ts';
import { buildArg, proxyEnvironment } from './arguments.ts';
import { splitVariable } from './environment.ts';
import { withShell } from './metadata.ts';
import type { PlanOptions } from './plan.ts';
import { addHistory, addStep, expandIn, Inputs, titleOf, type Scene } from './scene.ts';
import { stopAtError } from './stop-at-error.ts';
import { vertexOfSource } from './sources.ts';

/** Where the script of a heredoc that begins with `#!` stands while it runs. */
const SCRIPT_FOLDER = '/dev/pipes/';
const SCRIPT_MODE = 0o755;
const SHELL_ALONE: CommandLine = { words: [], isShellForm: true };
const CACHE_MODE = 0o755;
const SECRET_MODE = 0o400;
const SOCKET_MODE = 0o600;
/** How targets of mounts name the home directory of the step's user. */
const HOME = '$HOME';
/** Stands for an unset HOME while a mount is read: no text of a Dockerfile has it. */
const HOME_MARK = '\0HOME';
/** Where the n-th SSH socket of a step stands when nothing else is said. */
const SOCKET_PREFIX = '/run/buildkit/ssh_agent.';

export function applyRun(scene: Scene, instruction: RunInstruction): void {
  const { planning, state } = scene;
  checkAllowed(scene, instruction);
  const {
    command,
    mounts: scripts,
    summary,
  } = heredocCommand(
    instruction,
    planning.options.dockerfile.isExtended ? withShell(state.config, SHELL_ALONE) : undefined,
  );
  const args = withShell(state.config, command);
  const inputs = new Inputs();
  const flags = instruction.mounts.map((word) => ({ word, mount: readMountFlag(scene, word) }));
  const sockets = flags.filter(({ mount }) => mount.type === 'ssh');
  const mounts = flags.map((flag, i) => {
    if (flag.mount.type === 'ssh') return sshMount(flag.word, flag.mount, sockets.indexOf(flag));
    return plannedMount(scene, flag.word, flag.mount, i, inputs);
  });
  for (const mount of mounts) {
    if (mount.kind === 'secret') scene.trace.secrets.push(mount);
    if (mount.kind === 'ssh') scene.trace.ssh.push(mount);
  }
  const { options } = planning;
  const environment = withSocket(withEpoch(state.environment.entries(), planning.epoch), mounts);
  const op: ExecOp = {
    kind: 'exec',
    args,
    env: environment,
    cwd: state.workdir,
    user: state.config.User ?? '',
    network: instruction.networkFlag === undefined ? (options.network ?? 'default') : instruction.network,
    security: instruction.security,
    mounts: [...scripts, ...mounts],
    devices: instruction.devices,
    extraHosts: options.extraHosts ?? [],
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...hostnameOf(options),
  };
  const history = runHistory(scene, args);
  const isSet = new Set(environment.map((entry) => splitVariable(entry)[0]));
  const secrets = flags.flatMap(({ mount }) => (mount.env === undefined ? [] : [mount.env]));
  const vertex = addStep(scene, {
    kind: 'run',
    op,
    inputs: inputs.ids,
    title: titleOf(scene, { keepQuotes: true, keepUnset: true }, masked(state.environment.lookup, secrets)) + summary,
    command: history,
    noCache: instruction.noCache,
    unkeyedEnv: proxyEnvironment(options.buildArgs ?? {}).filter((entry) => !isSet.has(splitVariable(entry)[0])),
  });
  addHistory(scene, `${history} # buildkit`, vertex);
}

function checkAllowed(scene: Scene, instruction: RunInstruction): void {
  const { options } = scene.planning;
  const securitySpan = instruction.securityFlag ?? instruction.node;
  if (instruction.security === 'insecure') {
    requireEntitlement(scene, 'security.insecure', securitySpan);
  }
  for (const [i, flag] of instruction.deviceFlags.entries()) {
    const one = `device=${instruction.devices[i]?.name ?? ''}` as const;
    if (options.entitlements?.includes(one) !== true) requireEntitlement(scene, 'device', flag);
  }
  const network = instruction.networkFlag === undefined ? options.network : instruction.network;
  if (network === 'host') requireEntitlement(scene, 'network.host', instruction.networkFlag ?? instruction.node);
}

function requireEntitlement(
  scene: Scene,
  entitlement: 'network.host' | 'security.insecure' | 'device',
  span: Word | RunInstruction['node'],
): void {
  const { options } = scene.planning;
  if (options.assumeAllowed === true || options.entitlements?.includes(entitlement) === true) return;
  const message = `${entitlement} is not allowed here`;
  throw new Refusal('ENTITLEMENT', message, span, `--allow ${entitlement}, if you trust the Dockerfile`);
}

/** The build argument BUILDKIT_SANDBOX_HOSTNAME wins; empty, it says nothing. */
function hostnameOf({ buildArgs = {}, hostname }: PlanOptions): { readonly hostname?: string } {
  const name = buildArg(buildArgs, 'BUILDKIT_SANDBOX_HOSTNAME') || hostname;
  return name === undefined ? {} : { hostname: name };
}

/** SOURCE_DATE_EPOCH is in the environment of every RUN; one that the Dockerfile sets wins. */
function withEpoch(environment: readonly string[], epoch: number): string[] {
  const isSet = environment.some((entry) => splitVariable(entry)[0] === 'SOURCE_DATE_EPOCH');
  return isSet ? [...environment] : [...environment, `SOURCE_DATE_EPOCH=${epoch}`];
}

/** Programs find the first SSH socket through this variable, unless the Dockerfile says otherwise. */
function withSocket(environment: string[], mounts: readonly ExecMount[]): string[] {
  const socket = mounts.find((mount) => mount.kind === 'ssh');
  if (socket === undefined || environment.some((entry) => splitVariable(entry)[0] === 'SSH_AUTH_SOCK'))
    return environment;
  return [...environment, `SSH_AUTH_SOCK=${toText(socket.target)}`];
}

/** A heredoc alone is the script itself; with other words on the line the shell reads it. */
/** `stopsIn` is the shell whose scripts end at the first error. */
function heredocCommand(
  instruction: RunInstruction,
  stopsIn: readonly string[] | undefined,
): {
  readonly command: CommandLine;
  readonly mounts: readonly ExecMount[];
  readonly summary: string;
} {
  const { command, node } = instruction;
  const [first] = node.heredocs;
  const [line = ''] = command.words;
  if (first === undefined) return { command, mounts: [], summary: '' };
  if (readHeredocMark(line) === undefined) {
    const text = line + node.heredocs.map(({ name, content }) => `\n${content}${name}`).join('');
    return { command: { ...command, words: [text] }, mounts: [], summary: '' };
  }
  const written = first.chomp ? chompHeredoc(first.content) : first.content;
  const content = stopsIn === undefined ? written : stopAtError(written, stopsIn);
  const summary = ` (${summarizeHeredoc(first.content)})`;
  if (!content.startsWith('#!')) return { command: { ...command, words: [content] }, mounts: [], summary };
  const file = { name: fromText(first.name), content, mode: SCRIPT_MODE };
  return {
    command: { ...command, words: [posix.join(SCRIPT_FOLDER, first.name)] },
    mounts: [{ kind: 'inline', target: SCRIPT_FOLDER, files: [file] }],
    summary,
  };
}

/** `RUN |1 A=b /bin/sh -c true`: the build arguments that were in scope stand in front. */
function runHistory(scene: Scene, args: readonly string[]): string {
  const { buildArgs, environment } = scene.state;
  const inScope = Array.from(buildArgs, ([name, value]) => `${name}=${environment.get(name) ?? value ?? ''}`);
  const prefix = inScope.length === 0 ? [] : [`|${inScope.length}`, ...inScope];
  return `RUN ${[...prefix, ...args].join(' ')}`;
}

/** Shows what a secret in the environment stands for, so that nobody takes it for a plain variable. */
function masked(lookup: Lookup, secrets: readonly string[]): Lookup {
  return (name) => (secrets.includes(name) ? '****' : lookup(name));
}

function readMountFlag(scene: Scene, word: Word): MountFlag {
  const { lookup } = scene.state.environment;
  const withHome: Lookup = (name) => lookup(name) ?? (name === 'HOME' ? HOME_MARK : undefined);
  return readMount(word, (value) => expandIn(scene, value, word, {}, withHome).text);
}

function plannedMount(scene: Scene, word: Word, mount: MountFlag, index: number, inputs: Inputs): ExecMount {
  if (mount.type === 'secret') return secretMount(mount);
  const target = mountTarget(scene, word, mount);
  if (mount.type === 'tmpfs') {
    const writable = !mount.readOnly;
    return {
      kind: 'tmpfs',
      target,
      writable,
      ...(mount.sizeBytes === undefined ? {} : { sizeBytes: mount.sizeBytes }),
    };
  }
  const named = scene.command.mountSources[index];
  const source = fromText(cleanPath(`/${withoutHome(mount.source)}`));
  if (mount.type === 'bind') {
    const id = named === undefined ? scene.planning.context() : vertexOfSource(scene, named, word);
    return { kind: 'bind', input: inputs.indexOf(id), source, target, writable: !mount.readOnly };
  }
  return {
    kind: 'cache',
    id: cacheId(scene, mount),
    ...(named === undefined ? {} : { input: inputs.indexOf(vertexOfSource(scene, named, word)) }),
    source,
    target,
    sharing: mount.sharing ?? 'shared',
    writable: !mount.readOnly,
    ...(mount.mode === undefined && mount.uid === undefined && mount.gid === undefined
      ? {}
      : { owner: { mode: mount.mode ?? CACHE_MODE, uid: mount.uid ?? 0, gid: mount.gid ?? 0 } }),
  };
}

/** The namespace of BUILDKIT_CACHE_MOUNT_NS keeps the caches of projects apart that share a builder. */
function cacheId(scene: Scene, mount: MountFlag): string {
  const id = homeAsText(mount.id) || homeAsText(cleanPath(mount.target));
  const namespace = buildArg(scene.planning.options.buildArgs ?? {}, 'BUILDKIT_CACHE_MOUNT_NS') ?? '';
  return namespace === '' ? id : cleanPath(`${namespace}/${id}`);
}

function mountTarget(scene: Scene, word: Word, mount: MountFlag): ByteString {
  const target = targetBelow(scene.state.workdir, mount.target);
  if (target === '/') throw new Refusal('MOUNT_OPTION', 'a mount cannot have / as its target', word);
  return target;
}

/** Absolute and clean, or `$HOME/…` where HOME is known only when the step runs. */
function targetBelow(directory: string, target: string): ByteString {
  if (target.startsWith(HOME_MARK)) {
    const below = cleanPath(posix.join('/', withoutHome(target.slice(HOME_MARK.length))));
    return fromText(below === '/' ? HOME : `${HOME}${below}`);
  }
  const path = withoutHome(target);
  return fromText(cleanPath(path.startsWith('/') ? path : posix.join('/', directory, path)));
}

/** HOME as people read it. */
function homeAsText(text: string): string {
  return text.replaceAll(HOME_MARK, HOME);
}

/** Where only a path at its beginning can be a home directory, HOME is nothing, as for BuildKit. */
function withoutHome(text: string): string {
  return text.replaceAll(HOME_MARK, '');
}

function secretMount(mount: MountFlag): ExecMount {
  const id = withoutHome(mount.source || mount.id) || posix.basename(mount.target);
  const isFile = mount.target !== '' || mount.env === undefined;
  return {
    kind: 'secret',
    id,
    ...(isFile ? { target: targetBelow('/', mount.target || `/run/secrets/${posix.basename(id)}`) } : {}),
    ...(mount.env === undefined ? {} : { env: mount.env }),
    required: mount.required,
    mode: mount.mode ?? SECRET_MODE,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
  };
}

function sshMount(word: Word, mount: MountFlag, ordinal: number): ExecMount {
  if (mount.source !== '') throw new Refusal('MOUNT_OPTION', 'an ssh mount has no "source"', word);
  return {
    kind: 'ssh',
    id: mount.id === '' ? 'default' : mount.id,
    // Its place stands in a variable, which is set before anybody knows where HOME is.
    target: mount.target === '' ? `${SOCKET_PREFIX}${ordinal}` : targetBelow('/', withoutHome(mount.target)),
    required: mount.required,
    mode: mount.mode ?? SOCKET_MODE,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
  };
}
