import { closeSync, openSync, writeFileSync } from 'node:fs';
import { messageOf, ShaleError } from '../base/index.ts';
import { openPlainHost } from './plain-host.ts';
import { PROGRAM_ENV } from './program.ts';
import { CLONE, isInUserNamespace, setNamespace, unshare } from '../sys/index.ts';

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
 * @throws SYSCTL_INVALID when one of the settings cannot be made, NETWORK_NEEDS_ROOT
 */
export function makeNetworkNamespace(sysctls: Readonly<Record<string, string>> = {}): NetworkNamespace {
  const home = openHome();
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

/** Where the thread goes back to. @throws NETWORK_NEEDS_ROOT in a user namespace: the machine's is not its own to enter */
function openHome(): number {
  if (isInUserNamespace()) {
    throw new ShaleError(
      'NETWORK_NEEDS_ROOT',
      'networks that are shared, and those that are recorded or replayed, need root',
      {
        hint: 'without root: the default network, --network host or none, and builds without a lock (--no-lock)',
      },
    );
  }
  return openSync('/proc/thread-self/ns/net', 'r');
}

/**
 * Does something in a network namespace. It must be done at once: the whole thread is in the namespace meanwhile, and what
 * it waits for would be, too.
 */
export function inNetworkNamespace<T>(namespace: NetworkNamespace, work: () => T): T {
  const home = openHome();
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

const SET_AND_HOLD = `for setting do
  printf %s "\${setting#*=}" > "/proc/sys/\${setting%%=*}" || exit 1
done
echo ready
read -r line`;

/**
 * The same where a thread is not let back (user namespaces): a program is in it for a moment, and a descriptor of ours
 * holds it afterwards.
 * @throws SYSCTL_INVALID, NETWORK_SETUP_FAILED
 */
export async function makeNamespaceApart(sysctls: Readonly<Record<string, string>> = {}): Promise<NetworkNamespace> {
  const settings = Object.entries(sysctls).map(([name, value]) => `${pathOfSetting(name)}=${value}`);
  const child = await openPlainHost().spawn({
    command: 'unshare',
    args: ['--net', '--', 'sh', '-c', SET_AND_HOLD, 'sh', ...settings],
    env: PROGRAM_ENV,
    stdio: ['pipe', 'pipe', 'pipe'],
    lifetime: 'child',
  });
  try {
    // Its output goes on; what it says first is all that is read.
    for await (const _ of child.output(1)) return new HeldNamespace(openSync(`/proc/${child.pid}/ns/net`, 'r'));
    const said: Uint8Array[] = [];
    for await (const chunk of child.output(2)) said.push(chunk);
    const why = Buffer.concat(said).toString().trim();
    const code = settings.length > 0 && /\/proc\/sys/.test(why) ? 'SYSCTL_INVALID' : 'NETWORK_SETUP_FAILED';
    throw new ShaleError(code, `no network namespace can be made: ${why}`);
  } finally {
    child.end();
    await child.ended;
  }
}

/** Below /proc/sys/net the kernel shows the settings of the namespace that the thread is in. */
function setSysctl(name: string, value: string): void {
  const path = pathOfSetting(name);
  try {
    writeFileSync(`/proc/sys/${path}`, value);
  } catch (error) {
    throw new ShaleError('SYSCTL_INVALID', `cannot set ${name} to ${value}: ${messageOf(error)}`, { cause: error });
  }
}

function pathOfSetting(name: string): string {
  const path = name.replaceAll('.', '/');
  if (!/^net(\/[\w-]+)+$/.test(path)) throw new ShaleError('SYSCTL_INVALID', `${name} is no setting of a network`);
  return path;
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
