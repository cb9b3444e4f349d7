import type { ByteStream } from '../base/index.ts';

/**
 * Where the runtime's programs run. The mount host of `mounts` is one (its children are inside the private mount
 * namespace, where the rootfs is visible); `openPlainHost` spawns in the namespaces of this process.
 */
export interface RuntimeHost {
  /** Starts a program. @throws the system error of the spawn (ENOENT, EACCES). */
  spawn(request: SpawnRequest): Promise<HostProcess>;
}

/** `ignore` = /dev/null; `pipe` = a stream of the HostProcess; a number = this descriptor of ours. */
export type Stdio = 'ignore' | 'pipe' | number;

export interface SpawnRequest {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Descriptors 0, 1, 2, … of the program; everything else is closed. */
  readonly stdio: readonly Stdio[];
  /**
   * `step`: in a process-id namespace of its own that is killed as a whole when this process ends in any way, and when
   *         the program itself ends;
   * `child`: the program alone is killed when this process ends;
   * `own`: it lives on.
   */
  readonly lifetime: 'step' | 'child' | 'own';
  /** Start it inside this network namespace (a path valid in this process). */
  readonly networkNamespace?: string;
  /** False: stay in our process group, so that it may use our terminal. Default true: a session of its own. */
  readonly session?: boolean;
}

export interface HostEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface HostProcess {
  /** The program's own pid as this process sees it (not that of a helper around it). */
  readonly pid: number;
  /** The piped outputs, by descriptor (1, 2, or more); each can be read once. */
  output(descriptor: number): ByteStream;
  /** Writes to the piped descriptor 0; resolves when the program takes more. `end` closes it. */
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
  /** Settles when it has ended. Outputs may still be read. */
  readonly ended: Promise<HostEnd>;
  /** False when it has ended. */
  kill(signal: NodeJS.Signals | number): boolean;
}
