import { readFileSync } from 'node:fs';
import { type ByteStream, ShaleError, thisOwner } from '../base/index.ts';
import type { MountedPlace } from '../mounts/index.ts';
import { publishAttached } from './attached-view.ts';
import { oomKills, removeCgroupsSoon, setFrozen, thaw } from './cgroups.ts';
import { startFailure } from './errors.ts';
import { childOf, execInContainer } from './exec.ts';
import { executionFailure } from './executable.ts';
import { claimFolder, removeFolder } from './folders.ts';
import type { HostEnd, HostProcess } from './host.ts';
import { mountTargets, type Prepared, prepare, type RuntimeContext } from './prepare.ts';
import { RUNTIME_ENV } from './program.ts';
import { formatConfig } from './spec.ts';
import { checkIo, holdTerminal, nothing, pump, stdioOf } from './io.ts';
import { signalNumber } from './signals.ts';
import type {
  ContainerExit,
  ContainerHandle,
  ContainerIo,
  ExecHandle,
  ExecRequest,
  MountTraces,
  NetworkAttachment,
  RunSpec,
} from './types.ts';

/** Runs a container that ends with this process. See Runtime.run. */
export async function runAttached(context: RuntimeContext, spec: RunSpec, io: ContainerIo): Promise<ContainerHandle> {
  checkIo(spec.terminal === true, io);
  const folder = claimFolder(context.folders, {
    id: spec.id,
    kind: 'attached',
    owner: thisOwner(),
    ...(spec.cgroupParent !== undefined && { cgroupParent: spec.cgroupParent }),
  });
  try {
    const prepared = await prepare(context, spec, { folder, isLasting: false });
    let bundle: MountedPlace | undefined;
    try {
      bundle = await secretBundle(context, spec, prepared);
      const release = holdTerminal(spec.terminal === true);
      const at = { folder, bundle: bundle?.path ?? folder };
      const child = await startRuntime(context, spec, io, at, prepared).catch((error: unknown) => {
        release();
        throw error;
      });
      publishAttached(folder, child.pid, prepared.traces);
      return new AttachedContainer({ context, spec, folder, bundle, prepared, child, io, release });
    } catch (error) {
      await bundle?.[Symbol.asyncDispose]();
      await prepared.network[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

/** The bundle of a container with secret variables is in memory; what the run folder says of it lacks them. */
async function secretBundle(
  { host }: RuntimeContext,
  { secretEnv = [] }: RunSpec,
  { config }: Prepared,
): Promise<MountedPlace | undefined> {
  if (secretEnv.length === 0) return undefined;
  if (host.mountFiles === undefined)
    throw new ShaleError('RUN_SPEC_INVALID', 'cannot run: there is no private place for secret variables');
  const nameOf = (variable: string): string => variable.slice(0, variable.indexOf('='));
  const secret = new Set(secretEnv.map(nameOf));
  const env = [...config.process.env.filter((variable) => !secret.has(nameOf(variable))), ...secretEnv];
  const whole = formatConfig({ ...config, process: { ...config.process, env } });
  return host.mountFiles([{ name: 'config.json', bytes: Buffer.from(whole), mode: 0o600, uid: 0, gid: 0 }]);
}

function startRuntime(
  context: RuntimeContext,
  spec: RunSpec,
  io: ContainerIo,
  { folder, bundle }: { readonly folder: string; readonly bundle: string },
  prepared: Prepared,
): Promise<HostProcess> {
  const { command, folders, host } = context;
  const { namespace } = prepared.network;
  // The log is apart from the container's stderr, so that the two are never taken for one another. With --keep the
  // cgroup is still there after the end, to be asked for OOM kills; cleaning up ourselves costs less than runc's.
  const args = ['--root', folders.runtimeState, '--log', `${folder}/runc.log`, '--log-format', 'json'];
  return host.spawn({
    command,
    args: [...args, 'run', '--keep', '--bundle', bundle, spec.id],
    env: RUNTIME_ENV,
    stdio: stdioOf(io),
    lifetime: 'step',
    session: spec.terminal !== true,
    ...(namespace.kind === 'path' ? { networkNamespace: namespace.path } : {}),
  });
}

interface AttachedParts {
  readonly context: RuntimeContext;
  readonly spec: RunSpec;
  readonly folder: string;
  /** Where the configuration is, when that is not the folder. */
  readonly bundle: MountedPlace | undefined;
  readonly prepared: Prepared;
  readonly child: HostProcess;
  readonly io: ContainerIo;
  /** Gives the terminal back. */
  readonly release: () => void;
}

class AttachedContainer implements ContainerHandle {
  readonly exit: Promise<ContainerExit>;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly #parts: AttachedParts;

  constructor(parts: AttachedParts) {
    this.#parts = parts;
    const { child, io } = parts;
    this.stdout = io.kind === 'pipes' ? child.output(1) : nothing();
    this.stderr = io.kind === 'pipes' ? child.output(2) : nothing();
    this.exit = child.ended.then((end) => this.#finish(end));
    if (io.kind === 'pipes' && io.stdin !== undefined) void pump(io.stdin, child);
  }

  get id(): string {
    return this.#parts.spec.id;
  }

  get pid(): number {
    return this.#parts.child.pid;
  }

  get traces(): MountTraces {
    return this.#parts.prepared.traces;
  }

  get network(): NetworkAttachment {
    return this.#parts.prepared.network;
  }

  kill(signal: string | number): boolean {
    const number = signalNumber(signal);
    const sent = this.#parts.child.kill(number);
    // Frozen processes keep a fatal signal waiting.
    if (number === SIGKILL) thaw(this.id, this.#parts.spec.cgroupParent);
    return sent;
  }

  pause(): Promise<void> {
    return setFrozen(this.id, true, this.#parts.spec.cgroupParent);
  }

  resume(): Promise<void> {
    return setFrozen(this.id, false, this.#parts.spec.cgroupParent);
  }

  exec(request: ExecRequest): Promise<ExecHandle> {
    const { context, prepared, spec, child } = this.#parts;
    return execInContainer(
      {
        context,
        id: spec.id,
        config: prepared.config,
        access: spec.rootfs.access,
        init: childOf(child.pid),
        namespacesOf: child.pid,
      },
      request,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('KILL');
    await this.exit;
  }

  async #finish(end: HostEnd): Promise<ContainerExit> {
    const { bundle, context, spec, folder, prepared, release } = this.#parts;
    release();
    const exit = describeEnd(end, folder, spec, prepared);
    try {
      await bundle?.[Symbol.asyncDispose]();
    } catch {
      // What cannot be unmounted now is gone with the host.
    }
    await cleanUp(context, spec, folder, prepared.network);
    return exit;
  }
}

const SIGKILL = 9;

function describeEnd(end: HostEnd, folder: string, spec: RunSpec, prepared: Prepared): ContainerExit {
  const code = end.code ?? 128 + signalNumber(end.signal ?? 'KILL');
  if (code !== 0) {
    const failed = startFailure(readLog(folder)) ?? (code === 1 ? diagnose(spec, prepared) : undefined);
    if (failed !== undefined) return failed;
  }
  const oomKilled = code !== 0 && oomKills(spec.id, spec.cgroupParent) > 0;
  return { kind: 'exited', code, ...(code > 128 ? { signal: code - 128 } : {}), oomKilled };
}

function diagnose(spec: RunSpec, { config }: Prepared): ContainerExit | undefined {
  return executionFailure({
    access: spec.rootfs.access,
    program: config.process.args[0] ?? '',
    env: config.process.env,
    cwd: config.process.cwd,
    mountTargets: mountTargets(config),
  });
}

export function readLog(folder: string): string {
  try {
    return readFileSync(`${folder}/runc.log`, 'utf8');
  } catch {
    return '';
  }
}

/** All processes are gone: removes what is left of them. Never throws; what stays is the next sweep's. */
async function cleanUp(
  context: RuntimeContext,
  { id, cgroupParent }: RunSpec,
  folder: string,
  network: NetworkAttachment,
): Promise<void> {
  try {
    const left = await removeCgroupsSoon(id, cgroupParent);
    removeFolder(`${context.folders.runtimeState}/${id}`);
    await network[Symbol.asyncDispose]();
    if (left.length === 0) removeFolder(folder);
  } catch {
    // The record is still there, and its owner ends some day: the sweep tries again.
  }
}
