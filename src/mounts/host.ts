import { mkdirSync } from 'node:fs';
import { isShaleError, ShaleError, type ByteString } from '../base/index.ts';
import { isInUserNamespace } from '../sys/index.ts';
import { CallerThread } from './caller-thread.ts';
import { chooseDriver } from './driver.ts';
import type { EndedMessage, HostCarrier } from './host-carrier.ts';
import { Pipes, SpawnedProcess } from './host-process.ts';
import { HostThread } from './host-thread.ts';
import type { HostLayer, MountReply, NamespaceChoice, PrivateFile } from './protocol.ts';
import { Unpackers } from './unpackers.ts';
import type {
  HostEnd,
  HostProcess,
  JoinTarget,
  MountDriver,
  MountedPlace,
  MountedRootfs,
  MountHost,
  MountHostOptions,
  MountLayer,
  RootfsRequest,
  SpawnRequest,
} from './types.ts';

/**
 * Opens a mount host in a new private mount namespace.
 * @throws EPERM where this process may not mount (no root, no user namespace), SYS_UNAVAILABLE
 */
export async function openMountHost(options: MountHostOptions): Promise<MountHost> {
  mkdirSync(options.mountDir, { recursive: true, mode: 0o700 });
  return await Host.open(options);
}

/**
 * A host in the mount namespace of a running process (conmon of a detached container): programs that it spawns see that
 * process's mounts. It does not mount.
 */
export async function joinMountHost(target: JoinTarget): Promise<MountHost> {
  return await Host.join(target);
}

interface Parts {
  readonly driver: MountDriver;
  readonly driverReason: string | undefined;
  readonly unpackers: Unpackers | undefined;
  readonly userXattrs: boolean;
}

class Host implements MountHost {
  readonly driver: MountDriver;
  readonly driverReason: string | undefined;
  readonly #thread: HostCarrier;
  readonly #processes: Processes;
  readonly #unpackers: Unpackers | undefined;
  readonly #userXattrs: boolean;
  #closed: Promise<void> | undefined;

  static async open(options: MountHostOptions): Promise<Host> {
    const userXattrs = options.userXattrs ?? isInUserNamespace();
    return await Host.#start({ kind: 'new' }, options, async (thread) => {
      const chosen = await chooseDriver(thread, options);
      const unpackers = chosen.driver === 'unpack' ? Unpackers.of(options, userXattrs) : undefined;
      return { driver: chosen.driver, driverReason: chosen.reason, unpackers, userXattrs };
    });
  }

  static async join(target: JoinTarget): Promise<Host> {
    const [pid, startTime] = typeof target === 'number' ? [target, undefined] : [target.pid, target.startTime];
    return await Host.#start({ kind: 'join', pid, startTime }, { mountDir: '' }, () => {
      return Promise.resolve({ driver: 'unpack', driverReason: undefined, unpackers: undefined, userXattrs: false });
    });
  }

  static async #start(
    namespace: NamespaceChoice,
    { mountDir, byName = false, thread: wanted = 'caller' }: Pick<MountHostOptions, 'mountDir' | 'byName' | 'thread'>,
    prepare: (thread: HostCarrier) => Promise<Parts>,
  ): Promise<Host> {
    const processes = new Processes();
    const onEnded = (message: EndedMessage): void => processes.finish(message);
    // A thread in a user namespace cannot go back to the machine's mounts.
    const isVisit = wanted === 'caller' && !isInUserNamespace();
    const thread = isVisit ? new CallerThread(onEnded) : await HostThread.start(onEnded);
    try {
      await thread.ask({ kind: 'start', namespace, mountDir, byName });
      return new Host(thread, processes, await prepare(thread));
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  private constructor(thread: HostCarrier, processes: Processes, parts: Parts) {
    this.#thread = thread;
    this.#processes = processes;
    this.driver = parts.driver;
    this.driverReason = parts.driverReason;
    this.#unpackers = parts.unpackers;
    this.#userXattrs = parts.userXattrs;
  }

  async mountRootfs(request: RootfsRequest): Promise<MountedRootfs> {
    const layers = this.driver === 'erofs' ? request.layers.map(asErofs) : await this.#asTrees(request.layers);
    const reply = await this.#thread.ask({
      kind: 'mount',
      request: {
        layers,
        volatile: request.volatile ?? false,
        userXattrs: this.#userXattrs,
        ...(request.upper === undefined ? {} : { upper: request.upper }),
        ...(request.rootAttributes === undefined ? {} : { rootAttributes: request.rootAttributes }),
      },
    });
    return new MountHandle(this.#thread, reply, true);
  }

  async mountInside(directory: string, path: ByteString): Promise<MountedPlace> {
    const reply = await this.#thread.ask({ kind: 'mount-inside', directory, path });
    return new MountHandle(this.#thread, reply, reply.isDirectory);
  }

  async mountFiles(files: readonly PrivateFile[]): Promise<MountedPlace> {
    return new MountHandle(this.#thread, await this.#thread.ask({ kind: 'mount-files', files }), true);
  }

  async spawn(request: SpawnRequest): Promise<HostProcess> {
    using pipes = new Pipes(request.stdio);
    const reply = await this.#thread.ask({
      kind: 'spawn',
      message: {
        command: request.command,
        args: request.args,
        env: request.env,
        cwd: request.cwd,
        stdio: pipes.stdio,
        lifetime: request.lifetime,
        networkNamespace: request.networkNamespace,
        session: request.session ?? true,
      },
    });
    const process = new SpawnedProcess(reply, pipes.take());
    this.#processes.add(reply.process, process);
    this.#thread.hold();
    void process.ended.then(() => this.#thread.letGo());
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#thread.close();
    this.#processes.forget();
    await this.#unpackers?.close();
  }

  async #asTrees(layers: readonly MountLayer[]): Promise<HostLayer[]> {
    if (this.#unpackers === undefined) {
      throw new ShaleError('MOUNT_NO_TREES', 'layers must be unpacked here, and the host was given no place for them');
    }
    const directories = await this.#unpackers.directories(layers);
    return layers.map((layer, index): HostLayer => {
      return { kind: 'tree', key: layer.id, directory: directories[index] ?? '' };
    });
  }
}

function asErofs(layer: MountLayer): HostLayer {
  const data = layer.data.map(({ path, sizeBytes }) => ({ file: path, sizeBytes }));
  return { kind: 'erofs', key: layer.id, index: layer.indexPath, data };
}

class MountHandle implements MountedRootfs, MountedPlace {
  readonly path: string;
  readonly access: string;
  readonly isDirectory: boolean;
  readonly #thread: HostCarrier;
  readonly #mount: number;
  #unmounted: Promise<null> | undefined;

  constructor(thread: HostCarrier, reply: MountReply, isDirectory: boolean) {
    this.isDirectory = isDirectory;
    this.#thread = thread;
    this.#mount = reply.mount;
    this.path = reply.path;
    this.access = `/proc/self/fd/${reply.fd}`;
  }

  async keep(): Promise<void> {
    await this.#thread.ask({ kind: 'keep', mount: this.#mount });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unmounted ??= this.#thread.ask({ kind: 'unmount', mount: this.#mount });
    try {
      await this.#unmounted;
    } catch (error) {
      if (!isShaleError(error, 'MOUNT_HOST_CLOSED')) throw error; // Closing the host has unmounted it.
    }
  }
}

/** The programs that were spawned and have not ended. */
class Processes {
  readonly #running = new Map<number, SpawnedProcess>();
  /** Ends that came before their program was entered. */
  readonly #early = new Map<number, HostEnd>();

  add(number: number, process: SpawnedProcess): void {
    const end = this.#early.get(number);
    this.#early.delete(number);
    if (end === undefined) this.#running.set(number, process);
    else process.finish(end);
  }

  finish(message: { readonly process: number } & HostEnd): void {
    const end = { code: message.code, signal: message.signal };
    const process = this.#running.get(message.process);
    if (process === undefined) this.#early.set(message.process, end);
    else process.finish(end);
    this.#running.delete(message.process);
  }

  /** The host is gone: what still runs lives on by itself. */
  forget(): void {
    for (const process of this.#running.values()) process.forget();
    this.#running.clear();
  }
}
