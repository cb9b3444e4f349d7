import { closeSync, constants, existsSync, openSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteString, fromText, isShaleError, ShaleError, thisOwner } from '../../base/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { openWorkshop } from '../workshop.ts';
import { type ContainerSetup, formatLife, parseSetup } from './record.ts';
import { mountContainer } from './start.ts';
import { isUp, lifeOf, publicState, runtimeFor, viewOf } from './state.ts';
import { openInRoot } from './tar-tree.ts';

/** Files of a container as it sees them, but for /proc, /sys, /dev and what it mounted itself. */
export interface ContainerRoot extends AsyncDisposable {
  /** The root that a path is in, and what it is called there. The path is absolute and clean. */
  locate(path: ByteString): Located;
  /** The path with the links of its deepest existing part resolved. Absolute and clean, as the result is. */
  realPath(path: ByteString): ByteString;
}

export interface Located {
  /** A held directory: the root file system, or a volume; or the folder of a single file that is mounted. */
  readonly root: number;
  /** Clean and relative; empty for the root itself. */
  readonly path: ByteString;
  readonly readOnly: boolean;
}

interface Volume {
  /** Absolute and clean. */
  readonly target: ByteString;
  readonly root: number;
  /** Of a file that is mounted: its name in its folder. */
  readonly file: ByteString | undefined;
  readonly readOnly: boolean;
}

/** How long another command may be starting or reading the same container. */
const BUSY_TRIES = 100;
const BUSY_MS = 50;

/**
 * Opens the files of a container. One that runs is looked into where it is mounted; one that does not is mounted for this
 * purpose, and cannot be started meanwhile.
 * @throws CONTAINER_NOT_FOUND, CONTAINER_BUSY
 */
export async function openContainerRoot(context: EngineContext, name: string): Promise<ContainerRoot> {
  const record = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  const setup = parseSetup(record);
  if (isUp(publicState(lifeOf(context, record, runtime)))) {
    const root = viewOf(context, record, runtime).openRootfs();
    return new Root(root, openVolumes(context, record, setup), setup.request.readOnly, async () => undefined);
  }
  return await openStopped(context, record, setup);
}

async function openStopped(
  context: EngineContext,
  record: ContainerRecord,
  setup: ContainerSetup,
): Promise<ContainerRoot> {
  const release = await holdStopped(context, record);
  try {
    const workshop = await openWorkshop(context);
    try {
      const stack = await context.layers.stack(record.diffIds);
      const rootfs = await mountContainer(context, workshop, { id: record.id, stack, volatile: false });
      const root = openSync(`${rootfs.access}/.`, constants.O_RDONLY | constants.O_DIRECTORY);
      return new Root(root, openVolumes(context, record, setup), setup.request.readOnly, async () => {
        await rootfs[Symbol.asyncDispose]();
        await workshop[Symbol.asyncDispose]();
        await release();
      });
    } catch (error) {
      await workshop[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await release();
    throw error;
  }
}

/** Its upper may be mounted once only: while this is held nobody starts it. */
async function holdStopped(context: EngineContext, record: ContainerRecord): Promise<() => Promise<void>> {
  const runtime = runtimeFor(context);
  for (let tries = 0; ; tries++) {
    let isBusy = false;
    await context.store.containers.update(record.id, (now) => {
      const { paused: _paused, ...life } = lifeOf(context, now, runtime);
      isBusy = life.kind !== 'created' && life.kind !== 'exited';
      return isBusy ? undefined : { state: formatLife({ ...life, kind: 'starting' }), owner: thisOwner() };
    });
    if (!isBusy) break;
    if (tries === BUSY_TRIES)
      throw new ShaleError('CONTAINER_BUSY', `another command is starting or reading the container ${record.name}`);
    await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
  }
  return async () => {
    await context.store.containers.update(record.id, (now) => ({
      state: record.state,
      active: record.active && now.active,
    }));
  };
}

function openVolumes(context: EngineContext, record: ContainerRecord, setup: ContainerSetup): Volume[] {
  const bundle = join(context.store.containers.folder(record.id), 'bundle');
  const files = ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
    source: join(bundle, name),
    target: `/etc/${name}`,
    readonly: false,
  }));
  const binds = setup.mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount] : []));
  return [...files, ...binds].flatMap(({ source, target, readonly }): Volume[] => {
    if (!existsSync(source)) return [];
    const isFolder = statSync(source).isDirectory();
    const folder = isFolder ? source : join(source, '..');
    return [
      {
        target: cleanPath(fromText(target)),
        root: openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY),
        file: isFolder ? undefined : fromText(source.slice(source.lastIndexOf('/') + 1)),
        readOnly: readonly === true,
      },
    ];
  });
}

class Root implements ContainerRoot {
  readonly #root: number;
  readonly #volumes: readonly Volume[];
  readonly #readOnly: boolean;
  readonly #release: () => Promise<void>;

  constructor(root: number, volumes: readonly Volume[], readOnly: boolean, release: () => Promise<void>) {
    this.#root = root;
    // Deepest first.
    this.#volumes = volumes.toSorted((a, b) => b.target.length - a.target.length);
    this.#readOnly = readOnly;
    this.#release = release;
  }

  locate(path: ByteString): Located {
    return this.#inVolume(path) ?? this.#inVolume(this.realPath(path)) ?? this.#inRoot(path);
  }

  #inRoot(path: ByteString): Located {
    return { root: this.#root, path: path.slice(1), readOnly: this.#readOnly };
  }

  #inVolume(path: ByteString): Located | undefined {
    for (const { target, root, file, readOnly } of this.#volumes) {
      if (path !== target && !path.startsWith(`${target}/`)) continue;
      const rest = path.slice(target.length + 1);
      if (file === undefined) return { root, path: rest, readOnly };
      return { root, path: rest === '' ? file : `${file}/${rest}`, readOnly };
    }
    return undefined;
  }

  realPath(path: ByteString): ByteString {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      try {
        const fd = openInRoot(this.#root, path.slice(1, end), true);
        try {
          return cleanPath(`${this.#pathOf(fd)}${path.slice(end)}`);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (!isShaleError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw error;
      }
    }
    return path;
  }

  #pathOf(fd: number): ByteString {
    const [base, real] = [this.#root, fd].map((one) =>
      readlinkSync(`/proc/self/fd/${one}`, { encoding: 'buffer' }).toString('latin1'),
    );
    // A mount of another namespace is its own root.
    return base === undefined || base === '/' ? (real ?? '/') : (real ?? '').slice(base.length) || '/';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#root);
    for (const { root } of this.#volumes) closeSync(root);
    await this.#release();
  }
}

/** Absolute, without `.`, `..`, doubled or trailing slashes. `..` of the root is the root. */
export function cleanPath(path: ByteString): ByteString {
  const names: ByteString[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else names.push(name);
  }
  return `/${names.join('/')}`;
}
