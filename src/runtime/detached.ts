import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isAlive, isSystemError, messageOf, type Owner, ownerOf, ShaleError, thisOwner } from '../base/index.ts';
import { openAttachment } from './attachment.ts';
import { openRootfsOf, signalOwner } from './attached-view.ts';
import { releaseLeases } from './bridge.ts';
import { oomKills, removeCgroups, thaw } from './cgroups.ts';
import { codeOf, oneLine } from './errors.ts';
import { execInContainer } from './exec.ts';
import {
  type DetachedRecord,
  type Paths,
  pathsOf,
  readDetachedRecord,
  readExit,
  writeDetachedRecord,
} from './detached-record.ts';
import { keeperArgs } from './conmon-args.ts';
import { executionFailure } from './executable.ts';
import { claimFolder, readJson, removeFolder, untilFolderGone, writeRecord } from './folders.ts';
import { releasePasta } from './pasta.ts';
import { goOn, isPaused, type Pausable, setPaused } from './pausing.ts';
import { readLog, readLogOutput } from './log-reader.ts';
import { mountTargets, type Prepared, prepare, type RuntimeContext } from './prepare.ts';
import { RUNTIME_ENV, runProgram } from './program.ts';
import { setLimits } from './set-limits.ts';
import { signalNumber } from './signals.ts';
import { checkId, type RuntimeConfig } from './spec.ts';
import { pidsOf, readUsage } from './usage.ts';
import { deleteEnded, startByFifo } from './without-runtime.ts';
import type {
  Attachment,
  DetachedContainer,
  DetachedOptions,
  DetachedState,
  ExecHandle,
  ExecRequest,
  LogLine,
  LogOptions,
  MountTraces,
  NetworkAddresses,
  NetworkAttachment,
  OutputPiece,
  PublishedPort,
  Resources,
  RunSpec,
  UsageReading,
} from './types.ts';

const SIGKILL = 9;
const POLL_MS = 20;
/** How long conmon may need from the end of the container to its exit file before the container counts as lost. */
const EXIT_FILE_GRACE_MS = 2000;

/**
 * Creates a container under conmon. What an earlier run in the same state folder left (exit file, bundle) is replaced;
 * its log is kept. See Runtime.create.
 */
export async function createDetached(
  context: RuntimeContext,
  spec: RunSpec,
  options: DetachedOptions,
): Promise<DetachedContainer> {
  const paths = pathsOf(spec.id, options.stateDir);
  const cgroupParent = spec.cgroupParent === undefined ? {} : { cgroupParent: spec.cgroupParent };
  const claim = {
    id: spec.id,
    kind: 'detached',
    owner: thisOwner(),
    stateDir: options.stateDir,
    ...cgroupParent,
  } as const;
  // A sweep takes away by the container's id what an earlier run left: not from under this one.
  await untilFolderGone(context.folders, spec.id, context.options.commandTimeoutMs);
  const folder = claimFolder(context.folders, claim);
  // What earlier runs made to mount on is in the upper still.
  const earlier = readDetachedRecord(paths.record)?.traces ?? { created: [], touched: [] };
  try {
    for (const stale of [
      paths.bundle,
      paths.exitFolder,
      paths.oomFile,
      paths.record,
      paths.pidFile,
      paths.keeperPidFile,
    ]) {
      rmSync(stale, { recursive: true, force: true });
    }
    for (const made of [paths.bundle, paths.exitFolder]) mkdirSync(made, { recursive: true, mode: 0o700 });
    const prepared = await prepare(context, spec, { folder: paths.bundle, isLasting: true });
    try {
      checkProgram(spec, prepared);
      await startKeeper(context, spec, options, paths, prepared.network);
      const init = requireOwner(paths.pidFile, 'the container');
      const keeper = requireOwner(paths.keeperPidFile, 'conmon');
      writeDetachedRecord(paths.record, {
        id: spec.id,
        init,
        keeper,
        traces: joinTraces(earlier, prepared.traces),
        ports: prepared.network.ports,
        network: addressesOf(prepared.network),
        ...cgroupParent,
      });
      writeRecord(`${folder}/record.json`, { ...claim, owner: keeper });
      await prepared.network.handOver();
    } catch (error) {
      await prepared.network[Symbol.asyncDispose]();
      throw error;
    }
    return new Detached(context, spec.id, options.stateDir);
  } catch (error) {
    await discard(context, spec.id, spec.cgroupParent);
    removeFolder(folder);
    throw error;
  }
}

/** Of a path that was touched more than once, the first time that it had counts. */
function joinTraces(earlier: MountTraces, later: MountTraces): MountTraces {
  const created = new Set(earlier.created.map(({ path }) => path));
  const touched = new Set(earlier.touched.map(({ path }) => path));
  return {
    created: [...earlier.created, ...later.created.filter(({ path }) => !created.has(path))],
    touched: [...earlier.touched, ...later.touched.filter(({ path }) => !touched.has(path) && !created.has(path))],
  };
}

function addressesOf({ addresses, gateway, macAddress }: NetworkAttachment): NetworkAddresses {
  return { addresses, gateway, macAddress };
}

/** What the runtime cannot report once it runs under conmon. @throws START_FAILED. */
function checkProgram(spec: RunSpec, { config }: Prepared): void {
  const failed = executionFailure({
    access: spec.rootfs.access,
    program: config.process.args[0] ?? '',
    env: config.process.env,
    cwd: config.process.cwd,
    mountTargets: mountTargets(config),
  });
  if (failed === undefined) return;
  throw new ShaleError('START_FAILED', `cannot start ${spec.id}: ${failed.reason}`, {
    data: { id: spec.id, exitCode: failed.code, reason: failed.reason },
  });
}

/** Starts conmon, which creates the container, and waits for its word. @throws START_FAILED, KEEPER_MISSING. */
async function startKeeper(
  context: RuntimeContext,
  spec: RunSpec,
  options: DetachedOptions,
  paths: Paths,
  { namespace, endCommand }: NetworkAttachment,
): Promise<void> {
  const log = openSync(paths.keeperLog, 'a', 0o600);
  try {
    const child = await context.host.spawn({
      command: 'conmon',
      args: keeperArgs(context, { spec, options, paths, endCommand }),
      env: { ...RUNTIME_ENV, _OCI_SYNCPIPE: '3' },
      stdio: ['ignore', 'ignore', log, 'pipe'],
      lifetime: 'own',
      // conmon writes a file `oom` into the folder that it is started in.
      cwd: options.stateDir,
      ...(namespace.kind === 'path' ? { networkNamespace: namespace.path } : {}),
    });
    // conmon keeps the pipe open as long as it lives: one line is all that is read.
    const line = await firstLine(child.output(3), context.options.commandTimeoutMs);
    const answer = parseAnswer(line);
    if (answer.pid > 0) return;
    const reason = oneLine(answer.message === '' ? tailOf(paths.keeperLog) : answer.message);
    throw new ShaleError('START_FAILED', `cannot start ${spec.id}: ${reason}`, {
      data: { id: spec.id, exitCode: codeOf(reason), reason },
    });
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw new ShaleError('KEEPER_MISSING', 'detached containers need conmon, which is not installed', {
      hint: 'install it: apt-get install conmon',
      cause: error,
    });
  } finally {
    closeSync(log);
  }
}

const ANSWER_BYTES_MAX = 1024 * 1024;

async function firstLine(stream: AsyncIterable<Uint8Array>, timeoutMs: number): Promise<string> {
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new ShaleError('PROGRAM_TIMEOUT', `conmon did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  const iterator = stream[Symbol.asyncIterator]();
  try {
    while (!text.includes('\n') && text.length < ANSWER_BYTES_MAX) {
      const next = await Promise.race([iterator.next(), late]);
      if (next.done === true) break;
      text += Buffer.from(next.value).toString('utf8');
    }
    return text.split('\n', 1)[0] ?? '';
  } finally {
    clearTimeout(timer);
    // Not awaited: it ends only when the read under way does, and that is when conmon ends.
    void iterator.return?.().catch(() => {});
  }
}

function parseAnswer(line: string): { readonly pid: number; readonly message: string } {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return { pid: -1, message: line };
    const answer: Record<string, unknown> = { ...value };
    const pid = answer['data'] ?? answer['pid'];
    const message = answer['message'];
    return { pid: typeof pid === 'number' ? pid : -1, message: typeof message === 'string' ? message : '' };
  } catch {
    return { pid: -1, message: line };
  }
}

function requireOwner(pidFile: string, what: string): Owner {
  const owner = ownerOf(readPid(pidFile) ?? 0);
  // A container that ended at once is a container; who was it cannot matter any more.
  if (owner !== undefined) return owner;
  return { ...thisOwner(), pid: 0, startTime: `gone-${what}` };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'latin1').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function tailOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim().slice(-2000);
  } catch {
    return '';
  }
}

/** Removes a container from the runtime whatever state it is in, without trusting that it is there. */
async function discard(context: RuntimeContext, id: string, cgroupParent: string | undefined): Promise<void> {
  thaw(id, cgroupParent);
  try {
    await runtimeCommand(context, ['delete', '--force', id]);
  } catch {
    // Nothing there, or it cannot be helped; what is left is the sweep's.
  }
  removeCgroups(id, cgroupParent);
  removeFolder(`${context.folders.runtimeState}/${checkedId(id)}`);
}

function checkedId(id: string): string {
  checkId(id);
  return id;
}

async function runtimeCommand(context: RuntimeContext, args: readonly string[]): Promise<void> {
  await runProgram(context.host, {
    command: context.command,
    args: ['--root', context.folders.runtimeState, ...args],
    env: RUNTIME_ENV,
    timeoutMs: context.options.commandTimeoutMs,
    missingCode: 'RUNTIME_MISSING',
    hint: 'install it: apt-get install runc',
  });
}

/** A container made earlier. See Runtime.open. */
export function openDetached(context: RuntimeContext, id: string, stateDir: string): DetachedContainer {
  return new Detached(context, id, stateDir);
}

class Detached implements DetachedContainer {
  readonly id: string;
  readonly #context: RuntimeContext;
  readonly #paths: Paths;

  constructor(context: RuntimeContext, id: string, stateDir: string) {
    this.id = id;
    this.#context = context;
    this.#paths = pathsOf(id, stateDir);
  }

  get ports(): readonly PublishedPort[] {
    return this.#record()?.ports ?? [];
  }

  get traces(): MountTraces {
    return this.#record()?.traces ?? { created: [], touched: [] };
  }

  state(): DetachedState {
    const exited = readExit(this.id, this.#paths);
    if (exited !== undefined) return exited;
    const record = this.#record();
    if (record === undefined) return { kind: 'lost' };
    const pid = record.init.pid;
    if (!isAlive(record.init)) {
      // The process ends a moment before conmon has written down how, and conmon after it.
      if (isAlive(record.keeper)) return { kind: 'running', pid, paused: false };
      return readExit(this.id, this.#paths) ?? { kind: 'lost' };
    }
    // The runtime's fifo is there until `start`.
    if (existsSync(`${this.#context.folders.runtimeState}/${this.id}/exec.fifo`)) return { kind: 'created', pid };
    return { kind: 'running', pid, paused: isPaused(this.#pausable()) };
  }

  get addresses(): NetworkAddresses {
    return this.#record()?.network ?? { addresses: [] };
  }

  attach(): Attachment {
    return openAttachment(this.#paths.bundle);
  }

  async start(): Promise<void> {
    const init = this.#record()?.init;
    const created = init && { id: this.id, bundle: this.#paths.bundle, init };
    if (created !== undefined && (await startByFifo(this.#context, created))) return;
    try {
      await runtimeCommand(this.#context, ['start', this.id]);
    } catch (error) {
      const reason = oneLine(messageOf(error));
      throw new ShaleError('START_FAILED', `cannot start ${this.id}: ${reason}`, {
        data: { id: this.id, exitCode: codeOf(reason), reason },
        cause: error,
      });
    }
  }

  async wait(signal?: AbortSignal): Promise<DetachedState> {
    let missedSince: number | undefined;
    for (let tries = 0; ; tries++) {
      const state = this.state();
      if (state.kind === 'exited') return state;
      // The process ends a moment before conmon has written down how.
      if (state.kind !== 'lost') missedSince = undefined;
      else missedSince ??= performance.now();
      const isKept = this.#isKept();
      if (missedSince !== undefined && !isKept && performance.now() - missedSince > EXIT_FILE_GRACE_MS) return state;
      signal?.throwIfAborted();
      // What was just killed ends at once; what is waited for longer need not be looked at all the time.
      await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, 2 ** tries)));
    }
  }

  async kill(signal: string | number): Promise<boolean> {
    const number = signalNumber(signal);
    const { init } = this.#record() ?? {};
    if (init === undefined || !isAlive(init)) return false;
    const sent = signalOwner(init, number);
    if (number === SIGKILL) goOn(this.#pausable());
    return sent;
  }

  async stop(options: { readonly signal?: string | number; readonly graceMs: number }): Promise<DetachedState> {
    const state = this.state();
    if (state.kind === 'exited' || state.kind === 'lost') return state;
    if (state.kind === 'running') {
      await this.kill(options.signal ?? 'TERM');
      // A frozen container cannot act on the signal (docker thaws it too).
      goOn(this.#pausable());
      const ended = await this.#endWithin(options.graceMs);
      if (ended !== undefined) return ended;
    }
    await this.kill('KILL');
    return this.wait();
  }

  async #endWithin(graceMs: number): Promise<DetachedState | undefined> {
    try {
      return await this.wait(AbortSignal.timeout(Math.max(0, graceMs)));
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') return undefined;
      throw error;
    }
  }

  pause(): Promise<void> {
    return setPaused(this.#pausable(), true);
  }

  resume(): Promise<void> {
    return setPaused(this.#pausable(), false);
  }

  setLimits(resources: Resources): Promise<void> {
    return setLimits(this.#context, { id: this.id }, resources);
  }

  processes(): readonly number[] {
    return pidsOf(this.#pausable());
  }

  usage(): UsageReading | undefined {
    const state = this.state();
    return state.kind === 'running' ? readUsage(this.#pausable(), state.pid) : undefined;
  }

  async exec(request: ExecRequest): Promise<ExecHandle> {
    const state = this.state();
    if (state.kind !== 'running') {
      throw new ShaleError('CONTAINER_NOT_RUNNING', `container ${this.id} is not running`, {
        data: { state: state.kind },
      });
    }
    const config = readJson(`${this.#paths.bundle}/config.json`) as RuntimeConfig; // written by `prepare`, folder 0700
    const access = `/proc/${state.pid}/root`;
    // The rootfs is mounted in the keeper's namespace only, and the runtime starts from there.
    const namespacesOf = this.#record()?.keeper.pid;
    return execInContainer(
      {
        context: this.#context,
        id: this.id,
        config,
        access,
        init: state.pid,
        ...(namespacesOf !== undefined && { namespacesOf }),
      },
      request,
    );
  }

  openRootfs(): number {
    return openRootfsOf(this.#record()?.keeper, `${this.#paths.bundle}/config.json`, this.id);
  }

  logs(options: LogOptions = {}): AsyncGenerator<LogLine> {
    return readLog(this.#paths.log, options, () => this.#isOver());
  }

  logOutput(options: LogOptions & { readonly timestamps: boolean }): AsyncGenerator<OutputPiece> {
    return readLogOutput(this.#paths.log, options, () => this.#isOver());
  }

  /** Nothing more will be written. */
  #isOver(): boolean {
    return ['exited', 'lost'].includes(this.state().kind) && !this.#isKept();
  }

  async remove(options: { readonly force: boolean }): Promise<void> {
    const state = this.state();
    if (state.kind === 'running' || state.kind === 'created') {
      if (!options.force && state.kind === 'running') {
        throw new ShaleError('CONTAINER_RUNNING', `container ${this.id} is running`, { hint: 'stop it, or use force' });
      }
      await this.kill('KILL');
      await this.wait();
    }
    const { cgroupParent } = this.#record() ?? {};
    const ended = { id: this.id, bundle: this.#paths.bundle, cgroupParent };
    const isDeleted = this.state().kind === 'exited' && (await deleteEnded(this.#context, ended));
    if (!isDeleted) await discard(this.#context, this.id, cgroupParent);
    await releaseLeases(this.#context.host, this.#context.folders.networks, (lease) => lease.id === this.id);
    releasePasta(this.#context.folders.networks, ({ id }) => id === this.id);
    removeFolder(`${this.#context.folders.containers}/${this.id}`);
  }

  #pausable(): Pausable {
    const { cgroupParent, init } = this.#record() ?? {};
    return { id: this.id, cgroupParent, init: init !== undefined && isAlive(init) ? init.pid : undefined };
  }

  #record(): DetachedRecord | undefined {
    return readDetachedRecord(this.#paths.record);
  }

  #isKept(): boolean {
    const keeper = this.#record()?.keeper;
    return keeper !== undefined && isAlive(keeper);
  }
}

/** True while a process of the container or its keeper lives. For the sweep. */
export function isDetachedAlive(stateDir: string): boolean {
  const record = readDetachedRecord(`${stateDir}/container.json`);
  return record !== undefined && (isAlive(record.init) || isAlive(record.keeper));
}

/** Takes a dead detached container out of the runtime; its state folder and how it ended stay. */
export async function retireDetached(context: RuntimeContext, id: string, stateDir: string): Promise<void> {
  const paths = pathsOf(id, stateDir);
  const parent = readDetachedRecord(paths.record)?.cgroupParent;
  if (oomKills(id, parent) > 0 && existsSync(stateDir)) writeFileSync(paths.oomFile, '');
  if (
    readExit(id, paths) !== undefined &&
    (await deleteEnded(context, { id, bundle: paths.bundle, cgroupParent: parent }))
  )
    return;
  await discard(context, id, parent);
}
