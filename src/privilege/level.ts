import { hasCapability, isInUserNamespace } from '../sys/index.ts';

/**
 * What a machine gives: `root` everything; `user namespace` everything too, in other ways; `plain` what needs neither
 * mounts nor containers.
 */
export type Level = 'root' | 'user namespace' | 'plain';

/**
 * Where this process stands before it tries anything. `root`: it may mount on this machine. `inside`: it may mount, in a
 * user namespace. `outside`: it may not mount; a user namespace of its own may help.
 */
export type Standing = 'root' | 'inside' | 'outside';

/** Uid 0 says nothing: in an unprivileged container root may not mount. */
export function standingOf(): Standing {
  if (process.platform !== 'linux' || !hasCapability('sys_admin')) return 'outside';
  return isInUserNamespace() ? 'inside' : 'root';
}
