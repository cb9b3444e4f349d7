import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { isShaleError, ownerOf, ShaleError } from '../base/index.ts';
import {
  AT,
  changeOwnerAt,
  CLONE,
  closeOnExecFrom,
  isInUserNamespace,
  MNT,
  mount,
  MS,
  openProcess,
  setNamespace,
  setTimesAt,
  setUmask,
  setXattr,
  unmount,
  unshare,
} from '../sys/index.ts';
import type { EndedMessage } from './host-carrier.ts';
import { LayerMounts } from './layer-mounts.ts';
import { canMountByDescriptor, mountOverlay, mountOverlayByName, openDirectory } from './overlay.ts';
import { mountFiles, mountInside, type Place } from './places.ts';
import type {
  ErofsLayer,
  HostLayer,
  MountReply,
  MountRequest,
  PlaceReply,
  ReplyValues,
  Request,
  RootAttributes,
  StartReply,
  UpperDirectories,
} from './protocol.ts';
import { Spawner } from './spawner.ts';

// Of a fresh tmpfs for mount points only: neither files nor devices belong there.
const PLACES_OPTIONS = 'size=1m,mode=0700';

interface Mounted {
  readonly path: string;
  readonly fd: number;
  readonly layers: readonly string[];
  readonly workDir: string | undefined;
  readonly isDirectory: boolean;
  kept: boolean;
}

export interface CoreParts {
  readonly onEnded: (message: EndedMessage) => void;
  /** Does what has to be done in the host's namespaces. */
  readonly within: <T>(work: () => T) => T;
}

/**
 * The host's side of the messages, whatever carries them. It changes the namespaces of the thread that it is called on,
 * and uses synchronous calls only: libuv's pool has other namespaces.
 */
export class MountCore {
  readonly #within: CoreParts['within'];
  readonly #spawner: Spawner;
  readonly #mounted = new Map<number, Mounted>();
  #layers: LayerMounts | undefined;
  #mountDir = '';
  #byDescriptor = true;
  #count = 0;

  constructor({ onEnded, within }: CoreParts) {
    this.#within = within;
    this.#spawner = new Spawner(
      (process, code, signal) => onEnded({ kind: 'ended', process, code, signal }),
      isInUserNamespace(),
    );
  }

  async answer<K extends Request['kind']>(request: Extract<Request, { readonly kind: K }>): Promise<ReplyValues[K]> {
    const value = await this.#within(() => this.#answer(request));
    return value as ReplyValues[K]; // #answer gives to each kind its value.
  }

  #answer(request: Request): ReplyValues[Request['kind']] | Promise<ReplyValues['spawn' | 'close']> {
    switch (request.kind) {
      case 'start':
        return this.#start(request);
      case 'mount':
        return this.#mount(request.request);
      case 'mount-inside':
        return this.#place((target) => mountInside(request.directory, request.path, target));
      case 'mount-files':
        return this.#place((target) => mountFiles(request.files, target));
      case 'unmount':
        return this.#unmount(request.mount);
      case 'keep':
        return this.#keep(request.mount);
      case 'try-erofs':
        return this.#tryErofs(request.layer, request.file);
      case 'spawn':
        return this.#spawner.spawn(request.message);
      case 'close':
        return this.#close();
    }
  }

  #start({ namespace, mountDir, byName }: Extract<Request, { readonly kind: 'start' }>): StartReply {
    // A descriptor of the host that leaks into a container leads out of it (CVE-2024-21626).
    closeOnExecFrom(3);
    if (namespace.kind === 'join') {
      joinNamespace(namespace.pid, namespace.startTime);
      return { overlayByDescriptor: false };
    }
    unshare(CLONE.NEWNS);
    // A slave still hears of unmounts on the host; private copies would pin the host's mounts as long as we live.
    mount('', '/', '', MS.REC | MS.SLAVE);
    setUmask(0o022);
    mount('shale', mountDir, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, PLACES_OPTIONS);
    // Steps run in copies of this namespace: an unmount here must reach them, or they would hold on to the rootfs.
    mount('', mountDir, '', MS.SHARED);
    this.#mountDir = mountDir;
    this.#byDescriptor = !byName && canMountByDescriptor();
    for (const folder of ['empty', 'empty2', 'layers', 'names']) mkdirSync(`${mountDir}/${folder}`);
    this.#layers = new LayerMounts(this.#byDescriptor ? undefined : `${mountDir}/layers`);
    return { overlayByDescriptor: this.#byDescriptor };
  }

  #mount(request: MountRequest): MountReply {
    const layers = this.#layers;
    if (layers === undefined) throw joinedHostDoesNotMount();
    const id = this.#count++;
    const path = `${this.#mountDir}/${id}`;
    const unique = withoutRepeats(request.layers);
    const acquired: string[] = [];
    const empties: number[] = [];
    try {
      const lowers: number[] = [];
      for (const layer of unique) {
        lowers.push(layers.acquire(layer));
        acquired.push(layer.key);
      }
      // overlay wants one lower directory below an upper, and two without one.
      for (const name of ['empty', 'empty2'].slice(0, (request.upper === undefined ? 2 : 1) - lowers.length)) {
        empties.push(openDirectory(`${this.#mountDir}/${name}`));
      }
      if (request.upper !== undefined) prepareUpper(request.upper, request.rootAttributes);
      mkdirSync(path);
      const options = {
        lowers: [...empties, ...lowers],
        upper: request.upper,
        volatile: request.volatile && request.upper !== undefined,
        userXattrs: request.userXattrs,
      };
      const fd = this.#byDescriptor
        ? mountOverlay(options, path)
        : mountOverlayByName(options, path, `${this.#mountDir}/names`);
      this.#mounted.set(id, {
        path,
        fd,
        layers: acquired,
        workDir: request.upper?.workDir,
        isDirectory: true,
        kept: false,
      });
      return { mount: id, path, fd };
    } catch (error) {
      for (const key of acquired) layers.release(key);
      if (existsSync(path)) rmdirSync(path);
      throw error;
    } finally {
      for (const fd of empties) closeSync(fd);
    }
  }

  /** Mounts one file or directory at a path of its own. */
  #place(mountAt: (target: string) => Place): PlaceReply {
    if (this.#layers === undefined) throw joinedHostDoesNotMount();
    const id = this.#count++;
    const path = `${this.#mountDir}/${id}`;
    try {
      const { fd, isDirectory } = mountAt(path);
      this.#mounted.set(id, { path, fd, layers: [], workDir: undefined, isDirectory, kept: false });
      return { mount: id, path, fd, isDirectory };
    } catch (error) {
      if (existsSync(path)) removePlace(path);
      throw error;
    }
  }

  #unmount(id: number): null {
    const mounted = this.#mounted.get(id);
    if (mounted === undefined || mounted.kept) return null;
    this.#mounted.delete(id);
    closeSync(mounted.fd);
    unmountFully(mounted.path);
    for (const key of mounted.layers) this.#layers?.release(key);
    if (mounted.isDirectory) rmdirSync(mounted.path);
    else unlinkSync(mounted.path);
    if (mounted.workDir !== undefined) rmSync(mounted.workDir, { recursive: true, force: true });
    return null;
  }

  #keep(id: number): null {
    const mounted = this.#mounted.get(id);
    if (mounted !== undefined) mounted.kept = true;
    return null;
  }

  /** Mounts a layer of one file and an overlay on it, reads the file, and undoes both. */
  #tryErofs(layer: ErofsLayer, file: string): null {
    const mounted = this.#mount({ layers: [layer], volatile: false, userXattrs: false });
    try {
      readFileSync(`${mounted.path}/${file}`);
    } finally {
      this.#unmount(mounted.mount);
    }
    return null;
  }

  async #close(): Promise<null> {
    await this.#spawner.close();
    this.#within(() => {
      for (const [id, mounted] of this.#mounted) {
        // A kept one stays mounted for its program, and is not to be held by this process as well.
        if (mounted.kept) closeSync(mounted.fd);
        else this.#unmount(id);
      }
      this.#mounted.clear();
      this.#layers?.close();
    });
    return null;
  }
}

function joinedHostDoesNotMount(): ShaleError {
  return new ShaleError('MOUNT_JOINED', 'a host that joined another namespace does not mount');
}

/** Takes away a place whose mount failed, with whatever half of it there is. */
function removePlace(path: string): void {
  try {
    unmount(path, MNT.DETACH);
  } catch (error) {
    if (!isShaleError(error, 'EINVAL')) throw error; // Nothing was mounted there.
  }
  rmSync(path, { recursive: true });
}

function joinNamespace(pid: number, startTime: string | undefined): void {
  const pidfd = openProcess(pid);
  try {
    // Looked at after the descriptor was opened: from here on it cannot become another process.
    if (startTime !== undefined && ownerOf(pid)?.startTime !== startTime) {
      throw new ShaleError('ESRCH', `join the mount namespace of process ${pid}: it is another process by now`);
    }
    unshare(CLONE.FS);
    setNamespace(pidfd, CLONE.NEWNS);
  } finally {
    closeSync(pidfd);
  }
}

/** Of equal layers only the topmost counts; overlay refuses one twice (ELOOP). */
function withoutRepeats(layers: readonly HostLayer[]): readonly HostLayer[] {
  const last = new Map<string, HostLayer>();
  for (const layer of layers) {
    last.delete(layer.key);
    last.set(layer.key, layer);
  }
  return [...last.values()];
}

function prepareUpper(upper: UpperDirectories, attributes: RootAttributes | undefined): void {
  mkdirSync(upper.upperDir, { recursive: true });
  mkdirSync(upper.workDir, { recursive: true });
  if (readdirSync(upper.workDir).length > 0) {
    throw new ShaleError('MOUNT_WORK_IN_USE', `the work directory ${upper.workDir} was used by another mount`, {
      data: { workDir: upper.workDir },
    });
  }
  if (attributes === undefined) return;
  changeOwnerAt(AT.FDCWD, upper.upperDir, attributes.uid, attributes.gid);
  chmodSync(upper.upperDir, attributes.mode);
  for (const [name, value] of attributes.xattrs ?? []) {
    if (!isOverlayXattr(name)) setXattr(upper.upperDir, name, value);
  }
  setTimesAt(AT.FDCWD, upper.upperDir, attributes.mtimeNs, attributes.mtimeNs);
}

function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.');
}

/** Unmounts; what is still busy (a process that is just ending) goes when its last user does. */
function unmountFully(path: string): void {
  try {
    unmount(path);
  } catch (error) {
    if (!isShaleError(error, 'EBUSY')) throw error;
    unmount(path, MNT.DETACH);
  }
}
