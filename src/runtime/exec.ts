import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { bootId, type ByteStream, isAlive, randomOf, ShaleError, thisOwner } from '../base/index.ts';
import { checkIo, holdTerminal, nothing, pump, stdioOf } from './io.ts';
import { RUNTIME_ENV } from './program.ts';
import { grantedCapabilities } from './capabilities.ts';
import { startFailure } from './errors.ts';
import type { HostEnd, HostProcess } from './host.ts';
import { rootfsUserDatabase } from './preflight.ts';
import type { RuntimeContext } from './prepare.ts';
import { signalNumber } from './signals.ts';
import { formatConfig, makeEnv, type ProcessConfig, type RuntimeConfig } from './spec.ts';
import type { ContainerExit, ExecHandle, ExecRequest } from './types.ts';
import { type Identity, resolveUser } from './users.ts';

export interface ExecTarget {
  readonly context: RuntimeContext;
  readonly id: string;
  readonly config: RuntimeConfig;
  /** The rootfs as this thread can open it. */
  readonly access: string;
  /** The host's pid of its first process. */
  readonly init: number | undefined;
  /** Enter the pid and mount namespaces of this process first: its container's state counts pids from there. */
  readonly namespacesOf?: number;
}

/** One more process in a running container. See ContainerHandle.exec. */
export async function execInContainer(target: ExecTarget, request: ExecRequest): Promise<ExecHandle> {
  const { context, id } = target;
  checkIo(request.terminal === true, request.io);
  requireOwnRoot(target);
  const process = await execProcess(target, request);
  const folder = `${context.folders.containers}/${id}`;
  removeLeftOver(folder);
  // Random, because several may run at once.
  const { pid, startTime } = thisOwner();
  const base = `${folder}/exec-${pid}-${startTime}-${randomOf(6).toString('hex')}`;
  writeFileSync(`${base}.json`, formatConfig(process), { mode: 0o600 });
  const runtime = [context.command, '--root', context.folders.runtimeState, '--log', `${base}.log`];
  const parts = [
    ...enterCommand(target.namespacesOf),
    ...runtime,
    '--log-format',
    'json',
    'exec',
    ...(request.detach === true ? ['--detach'] : []),
    '--process',
    `${base}.json`,
    id,
  ];
  const release = holdTerminal(request.terminal === true);
  const spawning = context.host.spawn({
    command: parts[0] ?? '',
    args: parts.slice(1),
    env: RUNTIME_ENV,
    stdio: request.detach === true ? ['ignore', 'ignore', 'ignore'] : stdioOf(request.io),
    lifetime: request.detach === true ? 'own' : 'child',
    session: request.terminal !== true,
  });
  const child = await spawning.catch((error: unknown) => {
    release();
    throw error;
  });
  void child.ended.then(release);
  return new Exec(child, request, base, target.namespacesOf !== undefined);
}

/** Takes away what commands that were killed have left of theirs; the run folder does not outlive a boot. */
function removeLeftOver(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, startTime] = /^exec-(\d+)-(\d+)-[0-9a-f]+\.(?:json|log)$/.exec(name) ?? [];
    if (pid === undefined || startTime === undefined) continue;
    if (!isAlive({ bootId: bootId(), pid: Number(pid), startTime })) rmSync(`${folder}/${name}`, { force: true });
  }
}

/**
 * Runtimes enter a container by its mount namespace, whose root is that of the container. It is not below a chroot(2): there
 * pivot_root(2) leaves the machine's root at the top of the namespace, and the command would run on the machine's files.
 * @throws EXEC_IN_CHROOT
 */
function requireOwnRoot({ id, init }: ExecTarget): void {
  if (init === undefined || rootOf(init) === '/') return;
  throw new ShaleError('EXEC_IN_CHROOT', `cannot enter the container ${id}: it was started below a chroot`, {
    hint: 'start it outside of the chroot',
  });
}

/** `/` too for one that has ended meanwhile: the runtime says so. */
function rootOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/root`);
  } catch {
    return '/';
  }
}

/**
 * The words before a command that make it start in the mount and pid namespaces of a process, and below its root: that of
 * the namespace is another where shale lives in a chroot(2). Not into the pid namespace
 * that we are in: in a user namespace it is the machine's, and that would be refused.
 */
export function enterCommand(pid: number | undefined): readonly string[] {
  if (pid === undefined) return [];
  const same = readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync('/proc/self/ns/pid');
  return ['nsenter', '-t', String(pid), '-m', '-r', ...(same ? [] : ['-p']), '--'];
}

async function execProcess(target: ExecTarget, request: ExecRequest): Promise<ProcessConfig> {
  const { config, context } = target;
  if (request.args.length === 0) throw new ShaleError('RUN_SPEC_INVALID', 'cannot run: no command is given');
  const identity = await execIdentity(target, request);
  const privileged = request.privileged === true;
  const granted = privileged
    ? grantedCapabilities({ kind: 'privileged' }, context.facts.capabilities)
    : config.process.capabilities.bounding;
  const root = identity.uid === 0;
  return {
    ...config.process,
    terminal: request.terminal === true,
    ...(request.terminal === true && request.consoleSize !== undefined && { consoleSize: request.consoleSize }),
    user: { ...config.process.user, uid: identity.uid, gid: identity.gid, additionalGids: identity.groups },
    args: request.args,
    env: mergeEnv(config.process.env, request, identity),
    cwd: request.cwd ?? config.process.cwd,
    capabilities: {
      ...config.process.capabilities,
      bounding: granted,
      effective: root ? granted : [],
      permitted: root ? granted : [],
    },
  };
}

async function execIdentity(target: ExecTarget, request: ExecRequest): Promise<Identity> {
  const own = target.config.process.user;
  const user = request.user ?? '';
  if (user === '') return { uid: own.uid, gid: own.gid, groups: own.additionalGids, home: '' };
  return resolveUser(user, [], rootfsUserDatabase({ path: target.access, access: target.access }));
}

/** The container's variables, then the request's; HOME follows the user that was asked for. */
function mergeEnv(own: readonly string[], request: ExecRequest, identity: Identity): string[] {
  const kept = identity.home === '' ? own : own.filter((entry) => !entry.startsWith('HOME='));
  const spec = {
    id: 'exec',
    rootfs: { path: '/', access: '/' },
    args: request.args,
    env: [...kept, ...(request.env ?? [])],
    network: { kind: 'none' as const, attach: () => Promise.reject(new Error('never attached')) },
    terminal: request.terminal === true,
  };
  return makeEnv(spec, identity, []);
}

class Exec implements ExecHandle {
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly exit: Promise<ContainerExit>;
  readonly #child: HostProcess;
  readonly #forks: boolean;
  #isEnded = false;

  constructor(child: HostProcess, request: ExecRequest, base: string, forks: boolean) {
    this.#child = child;
    this.#forks = forks;
    this.stdout = request.io.kind === 'pipes' ? child.output(1) : nothing();
    this.stderr = request.io.kind === 'pipes' ? child.output(2) : nothing();
    this.exit = child.ended.then((end) => {
      this.#isEnded = true;
      return finish(end, base);
    });
    if (request.io.kind === 'pipes' && request.io.stdin !== undefined) void pump(request.io.stdin, child);
  }

  get pid(): number {
    return this.#forks ? (childOf(this.#child.pid) ?? this.#child.pid) : this.#child.pid;
  }

  kill(signal: string | number): boolean {
    // The number of a process that has ended may be another's by now.
    if (this.#isEnded) return false;
    const number = signalNumber(signal);
    const inside = this.#forks ? childOf(this.#child.pid) : undefined;
    if (inside === undefined) return this.#child.kill(number);
    try {
      return process.kill(inside, number);
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('KILL');
    await this.exit;
  }
}

function finish(end: HostEnd, base: string): ContainerExit {
  const log = readOptional(`${base}.log`);
  for (const suffix of ['json', 'log']) rmSync(`${base}.${suffix}`, { force: true });
  const code = end.code ?? 128 + signalNumber(end.signal ?? 'KILL');
  const failed = code === 0 ? undefined : startFailure(log);
  if (failed !== undefined) return failed;
  return { kind: 'exited', code, ...(code > 128 ? { signal: code - 128 } : {}), oomKilled: false };
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A child of a process, of whichever of its threads. */
export function childOf(pid: number): number | undefined {
  for (const thread of threadsOf(pid)) {
    const [first = ''] = readOptional(`/proc/${pid}/task/${thread}/children`).trim().split(' ');
    if (first !== '') return Number(first);
  }
  return undefined;
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
