import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { type ByteStream, invariant, ShaleError } from '../base/index.ts';
import { CLONE, makePipe, setNamespace, unshare } from '../sys/index.ts';
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
  readonly lifetime: SpawnRequest['lifetime'];
  readonly networkNamespace?: string;
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
      lifetime: request.lifetime,
      ...(request.networkNamespace === undefined ? {} : { networkNamespace: request.networkNamespace }),
    });
    for (const one of plumbing) one.closeTheirs();
    return new Child(started, plumbing);
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

/** The program in its wrappers; none of them forks, so the pid that is spawned is the program's. */
function wrap(request: SpawnRequest): string[] {
  const program = [request.command, ...request.args];
  switch (request.lifetime) {
    case 'step':
      return [...DEATH, ...OWN_PROC, ...program];
    case 'child':
      return [...DEATH, ...program];
    case 'own':
      return program;
  }
}

/** Ends the program with the thread that started it. */
const DEATH = ['setpriv', '--pdeathsig=KILL', '--'];
/** A /proc that fits the new pids. Slave, not unshare's default private: that would keep the host's mounts busy. */
const OWN_PROC = ['unshare', '--mount-proc', '--propagation=slave', '--'];

/**
 * Runs `start` with this thread's namespaces as the program is to have them, and goes back; nothing in between may wait
 * or make a thread. The program becomes process 1 of a step's namespace, so the kernel ends everything in it with it.
 */
function inNamespaces<T>(request: ChildStart, start: () => T): T {
  const undo: (() => void)[] = [];
  const enter = (kind: 'net' | 'pid', flag: number, change: () => void): void => {
    const ours = openSync(`/proc/thread-self/ns/${kind}`, 'r');
    undo.push(() => {
      setNamespace(ours, flag);
      closeSync(ours);
    });
    change();
  };
  try {
    const { networkNamespace } = request;
    if (networkNamespace !== undefined) enter('net', CLONE.NEWNET, () => joinNetwork(networkNamespace));
    if (request.lifetime === 'step') enter('pid', CLONE.NEWPID, () => unshare(CLONE.NEWPID));
    return start();
  } finally {
    for (const step of undo.toReversed()) step();
  }
}

function joinNetwork(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    setNamespace(descriptor, CLONE.NEWNET);
  } finally {
    closeSync(descriptor);
  }
}

const startChild: StartChild = (request) =>
  new Promise((resolve, reject) => {
    const child = inNamespaces(request, () =>
      spawn(request.command, [...request.args], {
        env: { ...request.env },
        stdio: [...request.stdio],
        detached: request.session,
        ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
      }),
    );
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
  #isEnded = false;

  constructor(started: StartedChild, plumbing: readonly Plumbing[]) {
    this.#started = started;
    this.#plumbing = plumbing;
    this.ended = started.ended.then((end) => {
      this.#isEnded = true;
      return end;
    });
  }

  get pid(): number {
    return this.#started.pid;
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
