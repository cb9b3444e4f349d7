import type { HostProcess, MountedPlace, PrivateFile, SpawnRequest } from '../mounts/index.ts';

export type { HostEnd, HostProcess, SpawnRequest, Stdio } from '../mounts/index.ts';

/**
 * Where the runtime's programs run. The mount host of `mounts` is one (its children are inside the private mount
 * namespace, where the rootfs is visible); `openPlainHost` spawns in the namespaces of this process.
 */
export interface RuntimeHost {
  /** Starts a program. @throws the system error of the spawn (ENOENT, EACCES). */
  spawn(request: SpawnRequest): Promise<HostProcess>;
  /** Gives programs a directory in memory with these files; absent where there is no private namespace for it. */
  mountFiles?(files: readonly PrivateFile[]): Promise<MountedPlace>;
}
