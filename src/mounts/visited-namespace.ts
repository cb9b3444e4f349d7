import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { invariant } from '../base/index.ts';
import { changeDirectoryTo, changeRootTo, CLONE, setNamespace, setUmask, unshare } from '../sys/index.ts';

/** What of a thread a mount namespace takes along: setns(2) puts root and working directory to the namespace's root. */
class Standpoint {
  readonly #namespace = openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY);
  readonly #root = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
  readonly #directory = openSync('.', constants.O_RDONLY | constants.O_DIRECTORY);
  readonly #umask = readUmask();

  take(): void {
    // Threads that this one has started since, as Node's pool at its first use, share root and directory with it: setns
    // refuses that (EINVAL).
    unshare(CLONE.FS);
    setNamespace(this.#namespace, CLONE.NEWNS);
    // Another than the namespace's where this process lives below a chroot(2).
    changeRootTo(this.#root);
    changeDirectoryTo(this.#directory);
    setUmask(this.#umask);
  }

  close(): void {
    for (const fd of [this.#namespace, this.#root, this.#directory]) closeSync(fd);
  }
}

/** Without changing it for a moment, as umask(2) would: threads that share it may be making files. */
function readUmask(): number {
  const line = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1'));
  invariant(line !== null, 'Linux says the umask of a thread, since 4.7');
  return Number.parseInt(line[1] ?? '', 8);
}

/**
 * A mount namespace of the calling thread's own in which it is only now and then: work that is done `within` sees its
 * mounts, and everything else is where it was. The first work makes the namespace (unshare).
 */
export class VisitedNamespace {
  #inside: Standpoint | undefined;

  /** Work may not wait: what comes after an await is outside again. */
  within<T>(work: () => T): T {
    const home = new Standpoint();
    try {
      this.#inside?.take();
      return work();
    } finally {
      this.#inside ??= new Standpoint();
      home.take();
      home.close();
    }
  }

  /** The namespace goes with the last process that is in it. */
  close(): void {
    this.#inside?.close();
    this.#inside = undefined;
  }
}
