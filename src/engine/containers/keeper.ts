import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { isShaleError, isSystemError } from '../../base/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { checkHealth, nextCheckMs } from './health.ts';
import { claimKeeper, keeperFolder } from './keeper-claim.ts';
import { needsKeeper } from './keeper-process.ts';
import { keepsOlderLogs, shiftLogs } from './log-files.ts';
import { type ContainerSetup, isBeingRestarted, type Life, parseLife, parseSetup } from './record.ts';
import { removeContainer } from './remove.ts';
import { startContainer } from './start.ts';
import { runtimeFor, settle } from './state.ts';

/** At least so often everything is looked at, should a notice be lost. */
const ROUND_MS = 1000;

/**
 * The work of `shale keeper`: looks after the containers of the store that need somebody (`needsKeeper`), and ends with the
 * last of them. Writes down ends, starts again what its policy says, runs health checks, removes what is to go when it
 * is done, and moves names of full logs. All that it knows is in the store, so it can be killed at any time.
 */
export async function keep(context: EngineContext, watching: Watch): Promise<void> {
  const { signal } = watching;
  using claim = await claimKeeper(context, signal);
  if (claim === undefined) return;
  claim.announce();
  using rounds = new Rounds(context);
  while (!signal.aborted) {
    const until = await rounds.round();
    if (until === undefined) {
      claim.renounce();
      if ((await rounds.round()) === undefined) return;
      claim.announce();
      continue;
    }
    await rounds.sleep(until, signal);
  }
  // Whoever needs a keeper from now on starts one, which waits for this one.
  claim.renounce();
  await rounds.settled();
}

function keepNumberOfLogs(folder: string, { request: { log } }: ContainerSetup): void {
  if (!keepsOlderLogs(log)) return;
  try {
    shiftLogs(folder, log?.filesMax ?? 1);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error; // It is being removed.
  }
}

class Rounds implements Disposable {
  readonly #context: EngineContext;
  readonly #runtime: Runtime;
  readonly #watchers = new Map<string, FSWatcher>();
  /** What is under way for a container: a start, a check, a removal. */
  readonly #busy = new Map<string, Promise<void>>();
  #wake: (() => void) | undefined;
  #woken = false;

  constructor(context: EngineContext) {
    this.#context = context;
    this.#runtime = runtimeFor(context);
    this.#watch(keeperFolder(context));
  }

  /** Looks at all that is kept once. Gives when to look again at the latest; undefined when nothing is kept. */
  async round(): Promise<number | undefined> {
    const now = this.#context.options.now();
    let next = now + ROUND_MS;
    let kept = 0;
    const watched = new Set([keeperFolder(this.#context)]);
    for (const record of await this.#context.store.containers.list()) {
      const setup = parseSetup(record);
      if (!needsKeeper(setup)) continue;
      const life = await settle(this.#context, record, this.#runtime);
      const folder = this.#context.store.containers.folder(record.id);
      // Of one that has ended too: its last log is not to be one more than are kept.
      keepNumberOfLogs(folder, setup);
      const isToGo = life.kind === 'exited' && setup.request.removeWhenDone;
      if (!['running', 'starting', 'restarting'].includes(life.kind) && !isToGo) continue;
      kept++;
      watched.add(`${folder}/exit`).add(folder);
      next = Math.min(next, this.#attend(record, setup, life, now));
    }
    this.#watchOnly(watched);
    return kept === 0 ? undefined : next;
  }

  /** Does for one container what is due, and gives when something will be. */
  #attend(record: ContainerRecord, setup: ContainerSetup, life: Life, now: number): number {
    const { removeWhenDone } = setup.request;
    switch (life.kind) {
      case 'restarting':
        if (life.nextStartMs > now) return life.nextStartMs;
        this.#do(record.id, () => startContainer(this.#context, record.id, { attach: false, again: true }));
        return Infinity;
      case 'running': {
        if (setup.health === undefined) return Infinity;
        const due = nextCheckMs(setup.health, life);
        if (due > now) return due;
        const { health } = setup;
        this.#do(record.id, () => checkHealth(this.#context, record.id, health, this.#runtime));
        return Infinity;
      }
      case 'exited':
        if (removeWhenDone && !isBeingRestarted(life))
          this.#do(record.id, () => removeContainer(this.#context, record.id, { force: true, volumes: true }));
        return Infinity;
      default:
        return Infinity;
    }
  }

  /** Starts one thing for a container, unless another is under way. What fails is in its record, or tried again. */
  #do(id: string, work: () => Promise<unknown>): void {
    if (this.#busy.has(id)) return;
    const done = work()
      .then(
        () => undefined,
        (error: unknown) => this.#afterFailure(id, error),
      )
      .finally(() => {
        this.#busy.delete(id);
        this.#notify();
      });
    this.#busy.set(id, done);
  }

  /** A start that fails counts as an end, as docker: the policy says what follows. */
  async #afterFailure(id: string, error: unknown): Promise<void> {
    if (isShaleError(error, 'CONTAINER_NOT_FOUND')) return;
    const record = await this.#context.store.containers.find(id);
    if (record === undefined) return;
    const life = parseLife(record);
    if (life.kind === 'exited' || life.kind === 'created') return;
    // It could not even be written down (a full disk): not at once again.
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
  }

  async sleep(untilMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.#wake = undefined;
          resolve();
        };
        const timer = setTimeout(done, Math.max(10, untilMs - this.#context.options.now()));
        signal.addEventListener('abort', done, { once: true });
        this.#wake = done;
      });
    }
    this.#woken = false;
  }

  #notify(): void {
    this.#woken = true;
    this.#wake?.();
  }

  #watchOnly(folders: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) this.#watch(folder);
  }

  /** By inotify where there is an instance left; the rounds are enough otherwise. */
  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      if (folder === keeperFolder(this.#context)) mkdirSync(folder, { recursive: true, mode: 0o700 });
      // Of the log only its replacement is news, not each line.
      const watcher = watch(folder, (kind, name) => {
        if (kind === 'rename' || name === 'poke') this.#notify();
      });
      watcher.on('error', () => this.#watchers.delete(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // Not there yet, or no instance left.
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
