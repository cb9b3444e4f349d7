/** One move of a tag, as `shale image log` shows it. */
export interface TagLogEntry {
  /** When it moved, in milliseconds since 1970. */
  readonly movedMs: number;
  /** The command that moved it: `build b…`, `pull`, `tag`, `load`, `rollback`, `rmi`. */
  readonly reason: string;
  /** Where it leads since then; absent when it was taken away. */
  readonly imageId?: string;
  /** Whether that is still in the store. */
  readonly isHere: boolean;
  /** True for the one that it leads to now. */
  readonly isCurrent: boolean;
  /** What a build made it of; absent for other moves. */
  readonly origin?: TagOrigin;
}

export interface TagOrigin {
  readonly build: string;
  readonly dockerfile: string;
  readonly dockerfileDigest?: string;
  readonly context?: string;
  /** What was checked out in the context's repository. Changes that were not committed are not known. */
  readonly commit?: string;
  readonly branch?: string;
  readonly target?: string;
  readonly platform: string;
  /** Names alone: values may be secrets. */
  readonly buildArgs: readonly string[];
  /** Seconds since 1970. */
  readonly epoch?: number;
  readonly bases: readonly { readonly reference: string; readonly digest?: string }[];
  /** What ADD took from the network: addresses with digests, repositories with commits. */
  readonly fetched: readonly { readonly address: string; readonly digest?: string; readonly commit?: string }[];
}

export interface RollbackOutcome {
  /** As people write it. */
  readonly name: string;
  /** Absent where the tag was not there. */
  readonly from?: string;
  readonly to: string;
}
