import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { type ByteStream, invariant, ShaleError } from '../base/index.ts';
import { makePipe } from '../sys/index.ts';
import type { HostEnd, HostProcess, RuntimeHost, SpawnRequest, Stdio } from './host.ts';

/** A host whose children run in the namespaces of this process. */
export function openPlainHost(): RuntimeHost {
  return { spawn: (request) => spawnChild(request, startChild) };
}

/** How a host starts a program on descriptors of ours; resolves with the pid, rejects with the spawn's system error. */
export type StartChild = (start: ChildStart) => Promise<StartedChild>;

export interface ChildStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdio: readonly ('ignore' | number)[];
  readonly session: boolean;
}

export interface StartedChild {
  readonly pid: number;
  readonly ended: Promise<HostEnd>;
}

/**
 * Carries out a SpawnRequest with a starter that only knows descriptors: makes the pipes, and wraps the program so that
 * its lifetime and network namespace are as asked.
 */
export async function spawnChild(request: SpawnRequest, start: StartChild): Promise<HostProcess> {
  const plumbing = request.stdio.map(plumb);
  const chain = wrap(request);
  const [command = '', ...args] = chain;
  try {
    const started = await start({
      command,
      args,
      env: request.env,
      ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
      stdio: plumbing.map((one) => one.theirs),
      session: request.session !== false,
    });
    for (const one of plumbing) one.closeTheirs();
    return new Child(request, started, plumbing);
  } catch (error) {
    for (const one of plumbing) {
      one.closeTheirs();
      one.ours?.destroy();
    }
    throw error;
  }
}

interface Plumbing {
  readonly theirs: 'ignore' | number;
  readonly ours: Socket | undefined;
  closeTheirs(): void;
}

/** Real pipes, not the socket pairs that node makes: a program may open /dev/stdout, which fails on a socket. */
function plumb(stdio: Stdio, descriptor: number): Plumbing {
  if (stdio !== 'pipe') return { theirs: stdio, ours: undefined, closeTheirs: () => {} };
  const [read, write] = makePipe();
  const input = descriptor === 0;
  const ours = new Socket({ fd: input ? write : read, readable: !input, writable: input });
  // Errors come to whoever reads or writes; without a listener they would end the process.
  ours.on('error', () => {});
  if (!input) ours.pause();
  const theirs = input ? read : write;
  return { theirs, ours, closeTheirs: () => closeSync(theirs) };
}

/**
 * The program in its wrappers. A step: setpriv asks for a signal at our end, unshare makes the process-id namespace
 * (with its own /proc) and kills its first process when it ends itself; the program is that first process, so the kernel
 * ends everything in the namespace with it.
 */
function wrap(request: SpawnRequest): string[] {
  const program = [request.command, ...request.args];
  const inNetwork =
    request.networkNamespace === undefined ? [] : ['nsenter', `--net=${request.networkNamespace}`, '--'];
  switch (request.lifetime) {
    case 'step':
      return [...inNetwork, ...DEATH, ...NAMESPACE, ...program];
    case 'child':
      return [...inNetwork, ...DEATH, ...program];
    case 'own':
      return [...inNetwork, ...program];
  }
}

const DEATH = ['setpriv', '--pdeathsig=KILL', '--'];
// Slave, not unshare's default private: that would keep the host's mounts busy.
const NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--propagation=slave', '--'];

const startChild: StartChild = (request) =>
  new Promise((resolve, reject) => {
    const child = spawn(request.command, [...request.args], {
      env: { ...request.env },
      stdio: [...request.stdio],
      detached: request.session,
      ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    });
    child.once('error', reject);
    child.once('spawn', () => {
      invariant(child.pid !== undefined, 'a spawned child has a pid');
      resolve({ pid: child.pid, ended: endOf(child) });
    });
  });

function endOf(child: ChildProcess): Promise<HostEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  });
}

class Child implements HostProcess {
  readonly ended: Promise<HostEnd>;
  readonly #started: StartedChild;
  readonly #plumbing: readonly Plumbing[];
  readonly #wrapped: boolean;
  #isEnded = false;
  #innerPid: number | undefined;

  constructor(request: SpawnRequest, started: StartedChild, plumbing: readonly Plumbing[]) {
    this.#started = started;
    this.#plumbing = plumbing;
    this.#wrapped = request.lifetime === 'step';
    this.ended = started.ended.then((end) => {
      this.#isEnded = true;
      return end;
    });
  }

  get pid(): number {
    if (!this.#wrapped) return this.#started.pid;
    // nsenter and setpriv become what they start; only unshare forks.
    this.#innerPid ??= onlyChildOf(this.#started.pid);
    return this.#innerPid ?? this.#started.pid;
  }

  output(descriptor: number): ByteStream {
    const socket = this.#plumbing[descriptor]?.ours;
    invariant(socket !== undefined && descriptor !== 0, `descriptor ${descriptor} is a piped output`);
    return readAll(socket);
  }

  async write(chunk: Uint8Array): Promise<void> {
    const socket = this.#input();
    if (socket.destroyed) throw new ShaleError('INPUT_CLOSED', 'the program takes no more input');
    await new Promise<void>((resolve, reject) => {
      socket.write(chunk, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
  }

  end(): void {
    this.#input().end();
  }

  kill(signal: NodeJS.Signals | number): boolean {
    if (this.#isEnded) return false;
    try {
      // The program itself also for SIGKILL: only then does the wrapper end after the last process of the namespace.
      process.kill(this.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  #input(): Socket {
    const socket = this.#plumbing[0]?.ours;
    invariant(socket !== undefined, 'descriptor 0 is piped');
    return socket;
  }
}

async function* readAll(socket: Socket): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of socket) {
      // A socket without encoding yields Buffers; node types its iterator as any.
      yield chunk as Uint8Array;
    }
  } finally {
    socket.destroy();
  }
}

function onlyChildOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
    return first === undefined || first === '' ? undefined : Number(first);
  } catch {
    return undefined;
  }
}
