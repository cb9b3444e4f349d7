import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import { quote } from '../../dockerfile/index.ts';
import type { ExecOp, ExecUlimit, Vertex } from '../../graph/index.ts';
import { mountLayers, rootAttributes, walkUpper, writeUpper, type Stack } from '../../layers/index.ts';
import type { MountedRootfs, MountHost } from '../../mounts/index.ts';
import type { DiffId } from '../../oci/index.ts';
import {
  AUTHORITY_PATH,
  AUTHORITY_VARIABLES,
  findDevices,
  plantAuthority,
  removeAuthority,
  STEP_SURROUNDINGS,
  type ContainerHandle,
  type DeviceEdits,
  type MountSpec,
  type NetworkProvider,
  type ResourceLimit,
  type RunSpec,
  type Runtime,
} from '../../runtime/index.ts';
import type { StepContext } from '../../solver/index.ts';
import { isNoise } from '../noise.ts';
import { offerFailedStep, shellOf, type Shells } from '../failed-step.ts';
import type { Step } from '../ops/operation.ts';
import type { BuildSession } from '../session.ts';
import type { StepClockParts } from './clock.ts';
import { openShells } from './look-into.ts';
import { Redactor } from './redact.ts';
import { MissingIds } from './missing-ids.ts';
import { openStepMounts, type StepMounts } from './step-mounts.ts';
import { watchedStep, type OpenTraffic, type StepTraffic } from './traffic.ts';

export interface StepRequest {
  readonly step: Step<ExecOp>;
  readonly stack: readonly DiffId[];
  /** Variables that are not part of the step's identity. */
  readonly extraEnv: readonly string[];
  readonly context: StepContext;
  readonly session: BuildSession;
}

/** Runs the containers of RUN and makes layers of what they changed. */
export interface StepRunner extends AsyncDisposable {
  /** @throws EXEC_FAILED with the exit code */
  run(request: StepRequest): Promise<DiffId>;
  /** Shells in what a step stands on that failed without running a command. */
  enter(place: Pick<StepRequest, 'stack' | 'session'> & { readonly vertex: Vertex }): Promise<Shells & AsyncDisposable>;
}

/** What a runner works with; it disposes all of it. */
export interface StepRunnerParts extends AsyncDisposable {
  readonly host: MountHost;
  readonly runtime: Runtime;
  /** Networks for `--network=default`, reused by later steps. */
  readonly networks: Readonly<Record<ExecOp['network'], NetworkProvider>>;
  /** Starts setting a network up for a step that is sure to come; mounting goes on meanwhile. */
  readonly warmNetwork: () => void;
  /** Where specifications of devices are looked for. */
  readonly deviceFolders: readonly string[];
  /** A folder of this process for upper directories, on the store's file system. */
  readonly workFolder: string;
  readonly newId: () => string;
}

export function createStepRunner(parts: StepRunnerParts): StepRunner {
  return {
    run: (request) => runStep(parts, request),
    enter: (place) => enterStep(parts, place),
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}

async function runStep(parts: StepRunnerParts, request: StepRequest): Promise<DiffId> {
  const { session, context } = request;
  const { op } = request.step;
  const traffic = trafficOf(request);
  if (op.network === 'default' && traffic === undefined) parts.warmNetwork();
  const devices = op.devices.length === 0 ? undefined : await findDevices(op.devices, parts.deviceFolders);
  const stack = await session.layers.stack(request.stack);
  const id = parts.newId();
  const folder = join(parts.workFolder, id);
  const upperDir = join(folder, 'upper');
  mkdirSync(upperDir, { recursive: true, mode: 0o755 });
  try {
    const layers = await mountLayers(session.layers, stack);
    await using mounts = await openStepMounts({ host: parts.host, folder }, request);
    await using watched = await traffic?.open(watchedStep(request.step), {
      secrets: mounts.secrets,
      tell: (line) => context.log('stderr', Buffer.from(`${line}\n`)),
      signal: context.signal,
    });
    await using authority = watched && (await mountAuthority(parts.host, watched.authority));
    await using rootfs = await parts.host.mountRootfs({
      layers,
      upper: { upperDir, workDir: join(folder, 'work') },
      rootAttributes: rootAttributes(stack),
      volatile: true,
    });
    const clock = session.clock?.setFor(watchedStep(request.step), { stack, env: op.env });
    const spec = specOf(parts, request, { id, rootfs, mounts, devices, watched, authority, clock });
    using planted = watched && plantAuthority(rootfs.access, watched.authority);
    await using handle = await parts.runtime.run(spec, { kind: 'pipes' });
    await follow(handle, request, mounts.secrets).catch(async (failure: unknown) => {
      const { vertex } = request.step;
      const error = watched === undefined ? failure : watched.blame(failure);
      const site = { session, stack, spec, shell: shellOf(vertex), after: rootfs, folder };
      await offerFailedStep(session, { vertex, error, signal: context.signal }, async () => openShells(parts, site));
      throw error;
    });
    context.signal.throwIfAborted();
    if (watched !== undefined) {
      planted?.[Symbol.dispose]();
      await watched.succeed();
      removeAuthority(upperDir, watched.authority);
    }
    return await commitUpper(request, { upperDir, stack, handle });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Who watches the network of the step; nobody where it has none. @throws LOCK_HOST_NETWORK */
function trafficOf({ step, session }: StepRequest): StepTraffic | undefined {
  if (session.traffic === undefined || step.op.network === 'none') return undefined;
  if (step.op.network === 'default') return session.traffic;
  throw new ShaleError('LOCK_HOST_NETWORK', 'what a step fetches by the network of the host cannot be locked', {
    hint: 'build without --network=host',
  });
}

/** The certificate for programs that are told by a variable. */
async function mountAuthority(host: MountHost, certificate: string): Promise<MountedAuthority> {
  const name = 'authority.pem';
  const place = await host.mountFiles([{ name, bytes: Buffer.from(certificate), mode: 0o444, uid: 0, gid: 0 }]);
  return {
    mount: {
      kind: 'bind',
      source: `${place.path}/${name}`,
      sourceKind: 'file',
      target: AUTHORITY_PATH,
      readonly: true,
    },
    env: AUTHORITY_VARIABLES.map((variable) => `${variable}=${AUTHORITY_PATH}`),
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

interface MountedAuthority extends AsyncDisposable {
  readonly mount: MountSpec;
  readonly env: readonly string[];
}

async function enterStep(
  parts: StepRunnerParts,
  { vertex, stack, session }: Parameters<StepRunner['enter']>[0],
): Promise<Shells & AsyncDisposable> {
  const { Env = [], WorkingDir = '/', User = '' } = vertex.surroundings ?? {};
  const folder = join(parts.workFolder, parts.newId());
  mkdirSync(folder, { mode: 0o755 });
  const shells = openShells(parts, {
    session,
    stack: await session.layers.stack(stack),
    spec: { ...STEP_SURROUNDINGS, env: Env, cwd: WorkingDir, user: User, args: [], network: parts.networks.default },
    shell: shellOf(vertex),
    folder,
  });
  return {
    ...shells,
    async [Symbol.asyncDispose]() {
      await shells[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function specOf(
  parts: StepRunnerParts,
  { step, extraEnv, session }: StepRequest,
  at: {
    readonly id: string;
    readonly rootfs: MountedRootfs;
    readonly mounts: StepMounts;
    readonly devices: DeviceEdits | undefined;
    readonly watched: OpenTraffic | undefined;
    readonly authority: MountedAuthority | undefined;
    readonly clock: StepClockParts | undefined;
  },
): RunSpec {
  const { op } = step;
  const given = at.devices;
  const secretEnv = [...at.mounts.env, ...(at.authority?.env ?? []), ...(at.clock?.env ?? [])];
  return {
    ...STEP_SURROUNDINGS,
    id: at.id,
    rootfs: { path: at.rootfs.path, access: at.rootfs.access },
    args: op.args,
    // Proxies are the builder's to use where it does the fetching.
    env: [...(given?.env ?? []), ...(at.watched === undefined ? extraEnv : []), ...op.env],
    ...(secretEnv.length > 0 && { secretEnv }),
    mounts: [
      ...(given?.mounts ?? []),
      ...at.mounts.specs,
      ...(at.authority === undefined ? [] : [at.authority.mount]),
      ...(at.clock?.mounts ?? []),
    ],
    ...(given !== undefined && { devices: given.devices, groups: given.groups, hooks: given.hooks }),
    cwd: op.cwd,
    user: op.user,
    network: at.watched?.network ?? parts.networks[op.network],
    extraHosts: op.extraHosts.map(({ host, ip }) => `${host}:${ip}`),
    ...(op.hostname !== undefined && { hostname: op.hostname }),
    rlimits: [...STEP_SURROUNDINGS.rlimits, ...(op.limits?.ulimits ?? []).map(rlimitOf)],
    ...(op.limits?.shmSizeBytes !== undefined && { shmSizeBytes: op.limits.shmSizeBytes }),
    resources: session.resources,
    ...(session.cgroupParent !== undefined && { cgroupParent: session.cgroupParent }),
    ...(op.security === 'insecure' && INSECURE),
  };
}

/** As docker's --privileged; what such a step starts may want to make cgroups. */
const INSECURE = { capabilities: { kind: 'privileged' }, cgroupMount: true } as const;

function rlimitOf({ name, soft, hard }: ExecUlimit): ResourceLimit {
  const limit = (value: number): ResourceLimit['soft'] => (value === -1 ? 'unlimited' : value);
  return { name, soft: limit(soft), hard: limit(hard) };
}

/** Passes the output on until the container has ended. @throws EXEC_FAILED */
async function follow(
  handle: ContainerHandle,
  { step, context }: StepRequest,
  secrets: readonly Uint8Array[],
): Promise<void> {
  const { op } = step;
  const kill = (): void => void handle.kill('SIGKILL');
  context.signal.addEventListener('abort', kill);
  if (context.signal.aborted) kill();
  const ids = new MissingIds();
  try {
    const redactor = (): Redactor => new Redactor(secrets);
    await Promise.all([
      pump(handle.stdout, { name: 'stdout', context, redactor: redactor(), ids }),
      pump(handle.stderr, { name: 'stderr', context, redactor: redactor(), ids }),
    ]);
    const exit = await handle.exit;
    context.signal.throwIfAborted();
    if (exit.code === 0) return;
    const command = op.args.join(' ');
    const why =
      exit.kind === 'not-started'
        ? `did not start: ${exit.reason}`
        : `did not complete successfully: exit code: ${exit.code}${exit.oomKilled ? ' (out of memory)' : ''}`;
    throw new ShaleError('EXEC_FAILED', `process ${quote(command)} ${why}`, {
      data: { exitCode: exit.code, command },
      ...(ids.hint !== undefined && { hint: ids.hint }),
    });
  } finally {
    context.signal.removeEventListener('abort', kill);
  }
}

interface LogTarget {
  readonly name: 'stdout' | 'stderr';
  readonly context: StepContext;
  readonly redactor: Redactor;
  readonly ids: MissingIds;
}

/** Passes one stream on, without the secrets in it. */
async function pump(stream: AsyncIterable<Uint8Array>, { name, context, redactor, ids }: LogTarget): Promise<void> {
  const show = (bytes: Uint8Array): void => {
    ids.look(bytes);
    if (bytes.length > 0) context.log(name, bytes);
  };
  for await (const chunk of stream) show(redactor.take(chunk));
  show(redactor.end());
}

interface Finished {
  readonly upperDir: string;
  readonly stack: Stack;
  readonly handle: ContainerHandle;
}

/**
 * Makes a layer of what the step changed. Mount targets that had to be made leave no trace, but for /proc and /sys, which
 * images built by docker have too.
 */
async function commitUpper({ session }: StepRequest, { upperDir, stack, handle }: Finished): Promise<DiffId> {
  const { created, touched } = handle.traces;
  const changes = walkUpper({
    upperDir,
    lower: stack.view,
    mtimeMaxNs: session.epochNs,
    traces: { created: created.filter(({ path }) => path !== 'proc' && path !== 'sys'), touched },
    ...(!session.keepNoise && { ignored: isNoise }),
  });
  return (await writeUpper(session.layers, changes)).diffId;
}
