import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { isAlive, type Owner, ownerOf, ShaleError } from '../base/index.ts';
import { openProcess, signalProcess } from '../sys/index.ts';
import { decodeTraces, type EncodedTraces, encodeTraces } from './detached-record.ts';
import { childOf, execInContainer } from './exec.ts';
import { isOwner, readJson, readRecord, writeRecord } from './folders.ts';
import { goOn, isPaused, type Pausable, setPaused } from './pausing.ts';
import type { RuntimeContext } from './prepare.ts';
import { setLimits } from './set-limits.ts';
import { signalNumber } from './signals.ts';
import type { RuntimeConfig } from './spec.ts';
import { pidsOf, readUsage } from './usage.ts';
import type {
  ContainerView,
  DetachedState,
  ExecHandle,
  ExecRequest,
  MountTraces,
  Resources,
  UsageReading,
} from './types.ts';

const POLL_MS = 20;
const SIGKILL = 9;

interface AttachedRecord {
  /** The runtime's process: process 1 of the pid namespace around the container. */
  readonly runtime: Owner;
  readonly traces: MountTraces;
}

/** Tells other processes how to reach an attached container: `attached.json` in its run folder. */
export function publishAttached(folder: string, pid: number, traces: MountTraces): void {
  const runtime = ownerOf(pid);
  if (runtime !== undefined) writeRecord(`${folder}/attached.json`, { runtime, traces: encodeTraces(traces) });
}

function readAttached(folder: string): AttachedRecord | undefined {
  const value = readJson(`${folder}/attached.json`);
  if (typeof value !== 'object' || value === null) return undefined;
  const { runtime, traces }: Record<string, unknown> = { ...value };
  if (!isOwner(runtime)) return undefined;
  return { runtime, traces: decodeTraces(traces as EncodedTraces) }; // written by publishAttached
}

/** See Runtime.openAttached. How it ended is known to the process that runs it only: here it is `lost`. */
export function openAttachedView(context: RuntimeContext, id: string): ContainerView {
  return new AttachedView(context, id);
}

class AttachedView implements ContainerView {
  readonly id: string;
  readonly #context: RuntimeContext;
  readonly #folder: string;

  constructor(context: RuntimeContext, id: string) {
    this.id = id;
    this.#context = context;
    this.#folder = `${context.folders.containers}/${id}`;
  }

  get traces(): MountTraces {
    return readAttached(this.#folder)?.traces ?? { created: [], touched: [] };
  }

  state(): DetachedState {
    const runtime = this.#runtime();
    if (runtime === undefined) return { kind: 'lost' };
    const pid = childOf(runtime.pid);
    if (pid === undefined || existsSync(`${this.#context.folders.runtimeState}/${this.id}/exec.fifo`))
      return { kind: 'created', pid: runtime.pid };
    return { kind: 'running', pid, paused: isPaused(this.#pausable(pid)) };
  }

  async wait(signal?: AbortSignal): Promise<DetachedState> {
    while (this.#runtime() !== undefined) {
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return { kind: 'lost' };
  }

  /** To the runtime, which hands it on; SIGKILL ends the namespace. */
  async kill(signal: string | number): Promise<boolean> {
    const number = signalNumber(signal);
    const runtime = this.#runtime();
    if (runtime === undefined) return false;
    const sent = signalOwner(runtime, number);
    if (number === SIGKILL) goOn(this.#pausable());
    return sent;
  }

  async stop(options: { readonly signal?: string | number; readonly graceMs: number }): Promise<DetachedState> {
    await this.kill(options.signal ?? 'TERM');
    goOn(this.#pausable());
    try {
      return await this.wait(AbortSignal.timeout(Math.max(0, options.graceMs)));
    } catch (error) {
      if (!(error instanceof Error && error.name === 'TimeoutError')) throw error;
    }
    await this.kill('KILL');
    return this.wait();
  }

  pause(): Promise<void> {
    return setPaused(this.#pausable(), true);
  }

  resume(): Promise<void> {
    return setPaused(this.#pausable(), false);
  }

  setLimits(resources: Resources): Promise<void> {
    // Its state counts pids from the namespace that the runtime is in.
    return setLimits(this.#context, { id: this.id, namespacesOf: this.#requireRunning().runtime.pid }, resources);
  }

  processes(): readonly number[] {
    return pidsOf(this.#pausable());
  }

  usage(): UsageReading | undefined {
    const state = this.state();
    return state.kind === 'running' ? readUsage(this.#pausable(), state.pid) : undefined;
  }

  async exec(request: ExecRequest): Promise<ExecHandle> {
    const { state, runtime } = this.#requireRunning();
    const config = readJson(`${this.#folder}/config.json`) as RuntimeConfig; // written by `prepare`, folder 0700
    const access = `/proc/${state.pid}/root`;
    const target = { context: this.#context, id: this.id, config, access, init: state.pid, namespacesOf: runtime.pid };
    return execInContainer(target, request);
  }

  openRootfs(): number {
    return openRootfsOf(this.#runtime(), `${this.#folder}/config.json`, this.id);
  }

  #pausable(init: number | undefined = this.#init()): Pausable {
    return { id: this.id, cgroupParent: readRecord(this.#context.folders, this.id)?.cgroupParent, init };
  }

  #init(): number | undefined {
    const runtime = this.#runtime();
    return runtime === undefined ? undefined : childOf(runtime.pid);
  }

  #requireRunning(): { readonly state: DetachedState & { readonly kind: 'running' }; readonly runtime: Owner } {
    const state = this.state();
    const runtime = this.#runtime();
    if (state.kind === 'running' && runtime !== undefined) return { state, runtime };
    throw new ShaleError('CONTAINER_NOT_RUNNING', `container ${this.id} is not running`, {
      data: { state: state.kind },
    });
  }

  #runtime(): Owner | undefined {
    const runtime = readAttached(this.#folder)?.runtime;
    return runtime !== undefined && isAlive(runtime) ? runtime : undefined;
  }
}

/** The root file system that a configuration names, in the mount namespace of `holder`. @throws CONTAINER_NOT_RUNNING */
export function openRootfsOf(holder: Owner | undefined, configPath: string, id: string): number {
  const config = readJson(configPath) as RuntimeConfig | undefined; // written by `prepare`, folder 0700
  if (holder === undefined || config === undefined || !isAlive(holder))
    throw new ShaleError('CONTAINER_NOT_RUNNING', `container ${id} is not running`);
  return openSync(`/proc/${holder.pid}/root${config.root.path}`, constants.O_RDONLY | constants.O_DIRECTORY);
}

/** Sends a signal to the very process that `owner` names; false when it has ended. */
export function signalOwner(owner: Owner, signal: number): boolean {
  try {
    const descriptor = openProcess(owner.pid);
    try {
      // Between the two looks the pid cannot have become another process's: the descriptor holds the one.
      if (!isAlive(owner)) return false;
      signalProcess(descriptor, signal);
      return true;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}
