import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { isShaleError, ShaleError } from '../base/index.ts';
import { CLONE, openProcess, setNamespace, unshare } from '../sys/index.ts';
import type { SpawnMessage, SpawnReply } from './protocol.ts';

type OnEnd = (process: number, code: number | undefined, signal: NodeJS.Signals | undefined) => void;

/** Dies with the thread that started it; becomes the program that follows (the signal survives exec). */
const DIE_WITH_US: readonly string[] = ['setpriv', '--pdeathsig', 'KILL', '--'];
/**
 * The parent may have died before the signal was asked for. That shows in its pid, which only the /proc of the outer pid
 * namespace tells: inside a new one it is 0.
 */
const CHECK_PARENT =
  'while read -r k v; do [ "$k" = PPid: ] && break; done < /proc/self/status; [ "$v" = "$0" ] && exec "$@"';
const UNLESS_DEAD: readonly string[] = ['sh', '-c', CHECK_PARENT, String(process.pid)];
/**
 * A new pid namespace whose process 1 ends with this one. For user namespaces: a thread that makes the pid namespace for
 * its next child could not go back, since that of the machine belongs to another user namespace.
 */
const FORK_INTO_PIDS: readonly string[] = [
  'sh',
  '-c',
  `exec unshare --pid --fork -- setpriv --pdeathsig KILL -- sh -c '${CHECK_PARENT}' "$$" "$@"`,
  'sh',
];
/** The network namespace at a path. For user namespaces, for the same reason. */
const intoNetwork = (path: string): readonly string[] => ['nsenter', `--net=${path}`, '--'];
/** A /proc that shows the new pid namespace, in a copy of the mount namespace that hears of our unmounts. */
const OWN_PROC: readonly string[] = ['unshare', '--mount-proc', '--propagation', 'slave', '--'];

/** Where the helpers are looked for, whatever PATH the program gets. */
const HELPER_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts programs from the host's thread, so that they are in its namespaces. */
export class Spawner {
  readonly #onEnd: OnEnd;
  readonly #bound = new Map<number, ChildProcess>();
  readonly #own = new Set<ChildProcess>();
  readonly #cannotReturn: boolean;
  #count = 0;
  #idle: (() => void) | undefined;

  /** `cannotReturn`: a thread that has left a pid or network namespace is not let back (user namespaces). */
  constructor(onEnd: OnEnd, cannotReturn: boolean) {
    this.#onEnd = onEnd;
    this.#cannotReturn = cannotReturn;
  }

  /** @throws ENOENT, EACCES when the program or a helper cannot be run. */
  async spawn(message: SpawnMessage): Promise<SpawnReply> {
    const words = this.#cannotReturn ? wrappedWhole(message) : wrapped(message);
    const start = (): ChildProcess =>
      spawn(words[0] ?? '', words.slice(1), {
        env: message.env,
        ...(message.cwd === undefined ? {} : { cwd: message.cwd }),
        stdio: [...message.stdio],
        detached: message.session, // a session of its own (setsid)
      });
    const child = this.#cannotReturn ? start() : inNamespaces(message, start);
    if (child.pid === undefined) throw await failureOf(child, message.command);
    // Opened before the event loop can reap the child: the descriptor means this process and no later one.
    const pidfd = openProcess(child.pid);
    const process = this.#count++;
    if (message.lifetime === 'own') this.#own.add(child);
    else this.#bound.set(process, child);
    child.on('error', () => {}); // Only a failed kill is left to go wrong.
    child.on('exit', (code, signal) => {
      this.#onEnd(process, code ?? undefined, signal ?? undefined);
      this.#own.delete(child);
      this.#bound.delete(process);
      if (this.#bound.size === 0) this.#idle?.();
    });
    if (!this.#cannotReturn || message.lifetime !== 'step') return { process, pid: child.pid, pidfd };
    const forked = await childOf(child);
    if (forked === undefined) return { process, pid: child.pid, pidfd };
    try {
      const forkedFd = openProcess(forked);
      closeSync(pidfd);
      return { process, pid: forked, pidfd: forkedFd };
    } catch (error) {
      if (!isShaleError(error, 'ESRCH')) throw error; // It has ended, and the helper is about to.
      return { process, pid: child.pid, pidfd };
    }
  }

  /** Kills what must not outlive this thread and waits until it has ended and is reaped. */
  async close(): Promise<void> {
    for (const child of this.#own) child.unref();
    if (this.#bound.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    for (const child of this.#bound.values()) child.kill('SIGKILL');
    await idle;
  }
}

function wrapped(message: SpawnMessage): readonly string[] {
  const program = findProgram(message.command, message.env['PATH'] ?? HELPER_PATH);
  switch (message.lifetime) {
    case 'own':
      return [program, ...message.args];
    case 'child':
      return [...helper(DIE_WITH_US), ...helper(UNLESS_DEAD), program, ...message.args];
    case 'step':
      return [...helper(DIE_WITH_US), ...helper(UNLESS_DEAD), ...helper(OWN_PROC), program, ...message.args];
  }
}

/** The same with every namespace entered by a helper. */
function wrappedWhole(message: SpawnMessage): readonly string[] {
  const program = [findProgram(message.command, message.env['PATH'] ?? HELPER_PATH), ...message.args];
  const entered = message.networkNamespace === undefined ? [] : helper(intoNetwork(message.networkNamespace));
  switch (message.lifetime) {
    case 'own':
      return [...entered, ...program];
    case 'child':
      return [...helper(DIE_WITH_US), ...helper(UNLESS_DEAD), ...entered, ...program];
    case 'step':
      return [
        ...helper(DIE_WITH_US),
        ...helper(UNLESS_DEAD),
        ...entered,
        ...helper(FORK_INTO_PIDS),
        ...helper(OWN_PROC),
        ...program,
      ];
  }
}

const FORK_POLL_MS = 1;

/** The process that a helper forks; undefined when both have ended by now. */
async function childOf(helperProcess: ChildProcess): Promise<number | undefined> {
  const { pid } = helperProcess;
  while (helperProcess.exitCode === null && helperProcess.signalCode === null) {
    try {
      const [first = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
      if (first !== '') return Number(first);
    } catch {
      return undefined;
    }
    await new Promise((resolve) => setTimeout(resolve, FORK_POLL_MS));
  }
  return undefined;
}

/**
 * Calls `start` with the calling thread's namespaces as the program is to have them, and goes back. Nothing in between
 * may wait, or make a thread (the kernel refuses one while pids of children are elsewhere).
 */
function inNamespaces(message: SpawnMessage, start: () => ChildProcess): ChildProcess {
  const restore: (() => void)[] = [];
  try {
    if (message.networkNamespace !== undefined) {
      const theirs = openSync(message.networkNamespace, 'r');
      restore.push(() => closeSync(theirs), returnTo('net', CLONE.NEWNET));
      setNamespace(theirs, CLONE.NEWNET);
    }
    if (message.lifetime === 'step') {
      restore.push(returnTo('pid', CLONE.NEWPID));
      unshare(CLONE.NEWPID);
    }
    return start();
  } finally {
    for (const undo of restore.toReversed()) undo();
  }
}

function returnTo(kind: 'net' | 'pid', flag: number): () => void {
  const ours = openSync(`/proc/thread-self/ns/${kind}`, 'r');
  return () => {
    setNamespace(ours, flag);
    closeSync(ours);
  };
}

const helpers = new Map<string, string>();

function helper(words: readonly string[]): readonly string[] {
  const [name = '', ...rest] = words;
  let path = helpers.get(name);
  if (path === undefined) {
    try {
      path = findProgram(name, HELPER_PATH);
    } catch (cause) {
      throw new ShaleError('HOST_TOOL_MISSING', `${name} is needed to start a program that ends with shale`, {
        cause,
        data: { tool: name },
        hint: 'install util-linux',
      });
    }
    helpers.set(name, path);
  }
  return [path, ...rest];
}

/** The file that execvp would run. Looked up here, since behind a helper a missing program is only an exit code. */
function findProgram(command: string, searchPath: string): string {
  const candidates = command.includes('/') ? [command] : searchPath.split(':').map((dir) => `${dir || '.'}/${command}`);
  let denied = false;
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch (error) {
      denied ||= error instanceof Error && 'code' in error && error.code === 'EACCES';
    }
  }
  throw new ShaleError(
    denied ? 'EACCES' : 'ENOENT',
    `start ${command}: ${denied ? 'permission denied' : 'no such program'}`,
  );
}

function failureOf(child: ChildProcess, command: string): Promise<ShaleError> {
  return new Promise((resolve) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      resolve(new ShaleError(cause.code ?? 'SPAWN_FAILED', `start ${command}: ${cause.message}`, { cause }));
    });
  });
}
