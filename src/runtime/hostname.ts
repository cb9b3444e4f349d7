import { closeSync, openSync, writeFileSync } from 'node:fs';
import { CLONE, setNamespace, unshare } from '../sys/index.ts';

/**
 * Gives this thread, and all threads and programs that it starts, another host name until this is disposed; nobody else of
 * the machine sees it. @throws EPERM
 */
export function enterHostname(name: string): Disposable {
  const home = openSync('/proc/thread-self/ns/uts', 'r');
  try {
    unshare(CLONE.NEWUTS);
    writeFileSync('/proc/sys/kernel/hostname', name);
  } catch (error) {
    closeSync(home);
    throw error;
  }
  let isInside = true;
  return {
    [Symbol.dispose]() {
      if (!isInside) return;
      isInside = false;
      setNamespace(home, CLONE.NEWUTS);
      closeSync(home);
    },
  };
}
