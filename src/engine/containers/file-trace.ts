import { closeSync, constants, openSync } from 'node:fs';
import { compareBytes, isShaleError, ShaleError, type ByteString } from '../../base/index.ts';
import type { View } from '../../erofs/index.ts';
import type { MountedRootfs } from '../../mounts/index.ts';
import { markFileSystem, openFanotify, readOpened } from '../../sys/index.ts';

/** How often the kernel is asked; it keeps what it has to tell until then. */
const LOOK_EVERY_MS = 50;
/** Files that one look takes before others get their turn. */
const LOOK_MAX = 20_000;
const DELETED = ' (deleted)';

/** Which files of its image a container opens, from its first program on. Disposing gives it up. */
export interface FileTrace extends Disposable {
  /** Before anything is started in it. @throws OPTION_UNSUPPORTED where the kernel cannot */
  watch(rootfs: Pick<MountedRootfs, 'path' | 'access'>, image: View): void;
  /** Takes what there is still, and listens no longer. Idempotent. */
  end(): void;
  /**
   * Ends it, and gives the regular files of the image that were opened: absolute paths, sorted by their bytes. May be
   * asked again.
   * @throws FILES_UNTOLD where the kernel could not tell all of them
   */
  finish(): readonly ByteString[];
}

/** @throws OPTION_UNSUPPORTED without root, or where the kernel cannot */
export function openFileTrace(): FileTrace {
  try {
    return new Trace(openFanotify());
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): unknown {
  if (isShaleError(error, 'EPERM'))
    return new ShaleError('OPTION_UNSUPPORTED', 'the kernel tells nobody but root which files are opened', {
      cause: error,
      hint: 'run it as root, outside of user namespaces and containers',
    });
  if (isShaleError(error, 'ENOSYS', 'EINVAL', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP', 'EXDEV', 'SYS_UNAVAILABLE'))
    return new ShaleError('OPTION_UNSUPPORTED', 'the kernel cannot tell which files of a container are opened', {
      cause: error,
      hint: 'it takes Linux 4.20 with CONFIG_FANOTIFY',
    });
  return error;
}

class Trace implements FileTrace {
  #group: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;
  #prefix = '';
  #image: View | undefined;
  readonly #found = new Set<ByteString>();

  constructor(group: number) {
    this.#group = group;
  }

  watch({ path, access }: Pick<MountedRootfs, 'path' | 'access'>, image: View): void {
    if (this.#group === undefined) return;
    const root = openSync(access, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      markFileSystem(this.#group, root);
    } catch (error) {
      throw refusal(error);
    } finally {
      closeSync(root);
    }
    this.#prefix = `${path}/`;
    this.#image = image;
    this.#timer = setInterval(() => this.#look(LOOK_MAX), LOOK_EVERY_MS).unref();
  }

  end(): void {
    this.#look(Number.POSITIVE_INFINITY);
    this[Symbol.dispose]();
  }

  finish(): readonly ByteString[] {
    this.end();
    if (this.#failure !== undefined) throw this.#failure;
    return [...this.#found].toSorted(compareBytes);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#group !== undefined) closeSync(this.#group);
    this.#group = undefined;
  }

  #look(max: number): void {
    if (this.#group === undefined) return;
    try {
      for (let taken = 0; taken < max; taken++) {
        const opened = readOpened(this.#group);
        if (opened === undefined) return;
        // Our own looks, before it starts and for those who ask.
        if (opened.pid !== process.pid) this.#add(opened.path);
      }
    } catch (error) {
      this.#failure = error;
      this[Symbol.dispose]();
    }
  }

  /** As the container names it; before the runtime has changed the root, it is where it is mounted. */
  #add(told: ByteString): void {
    const path = told.startsWith(this.#prefix) ? told.slice(this.#prefix.length - 1) : told;
    const name = [path, ...(path.endsWith(DELETED) ? [path.slice(0, -DELETED.length)] : [])].find((one) =>
      this.#isInImage(one),
    );
    if (name !== undefined) this.#found.add(name);
  }

  #isInImage(path: ByteString): boolean {
    return this.#found.has(path) || this.#image?.find(path.slice(1))?.kind === 'file';
  }
}
