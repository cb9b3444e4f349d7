import { closeSync, openSync, writeFileSync } from 'node:fs';
import { messageOf, ShaleError } from '../base/index.ts';
import { CLONE, setNamespace, unshare } from '../sys/index.ts';

/** A network namespace that exists as long as this descriptor or a process in it. */
export interface NetworkNamespace extends Disposable {
  /** Opens it; valid while this process lives and it is not disposed. */
  readonly path: string;
  /** To be passed on. */
  readonly descriptor: number;
}

/**
 * Makes an empty network namespace. Nothing of it is in the file system: it is gone with its last user, also after
 * kill -9. The calling thread is in it for an instant only, without an await in between.
 * @throws SYSCTL_INVALID when one of the settings cannot be made.
 */
export function makeNetworkNamespace(sysctls: Readonly<Record<string, string>> = {}): NetworkNamespace {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    unshare(CLONE.NEWNET);
    try {
      for (const [name, value] of Object.entries(sysctls)) setSysctl(name, value);
      return new HeldNamespace(openSync('/proc/thread-self/ns/net', 'r'));
    } finally {
      setNamespace(home, CLONE.NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

/**
 * Does something in a network namespace. It must be done at once: the whole thread is in the namespace meanwhile, and what
 * it waits for would be, too.
 */
export function inNetworkNamespace<T>(namespace: NetworkNamespace, work: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    setNamespace(namespace.descriptor, CLONE.NEWNET);
    try {
      return work();
    } finally {
      setNamespace(home, CLONE.NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

/** Below /proc/sys/net the kernel shows the settings of the namespace that the thread is in. */
function setSysctl(name: string, value: string): void {
  const path = name.replaceAll('.', '/');
  if (!/^net(\/[\w-]+)+$/.test(path)) throw new ShaleError('SYSCTL_INVALID', `${name} is no setting of a network`);
  try {
    writeFileSync(`/proc/sys/${path}`, value);
  } catch (error) {
    throw new ShaleError('SYSCTL_INVALID', `cannot set ${name} to ${value}: ${messageOf(error)}`, { cause: error });
  }
}

class HeldNamespace implements NetworkNamespace {
  readonly path: string;
  readonly descriptor: number;
  #isOpen = true;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.path = `/proc/${process.pid}/fd/${descriptor}`;
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.descriptor);
    this.#isOpen = false;
  }
}
