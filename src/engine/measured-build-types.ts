/** What the last build of a Dockerfile says about its steps. */
export interface BuildMeasure {
  readonly buildId: string;
  /** The context's folder; absent where it was none. */
  readonly context?: string;
  readonly steps: readonly MeasuredBuildStep[];
  /** The smallest image in which what it runs would do, where there is a smaller one. */
  readonly smaller?: {
    readonly base: string;
    readonly bytes: number;
    readonly ofBytes: number;
    readonly reason: string;
  };
  readonly bases: readonly {
    /** Of the FROM: `STAGE/from/1`. */
    readonly slot: string;
    readonly reference: string;
    /** As `linux/amd64`. */
    readonly expected: string;
    readonly actual: string;
  }[];
}

export interface MeasuredBuildStep {
  /** `STAGE/KIND/N`: the n-th of its kind in the stage, by name or number. */
  readonly slot: string;
  /** What it took when it ran. */
  readonly seconds: number;
  /** In how many of the newest builds of this file and folder it ran, and how many there were. */
  readonly ran: { readonly times: number; readonly of: number };
  /** Bytes of the files in its layer. */
  readonly layerBytes: number;
  /** Bytes of files of earlier layers that it writes again with the same content. */
  readonly rewrittenBytes: number;
  /** Bytes of its files that a later step deletes or replaces, by that step. */
  readonly deletedLater: readonly { readonly slot: string; readonly bytes: number; readonly example: string }[];
  /** Files, and folders that are known for being large, by their bytes; the largest first. */
  readonly largest: readonly { readonly path: string; readonly bytes: number }[];
  /** What has rights that it had not below; of each kind the first hundred. */
  readonly rights: readonly { readonly path: string; readonly kind: 'setuid' | 'setgid' | 'world-writable' }[];
  /** What another build wrote otherwise, of equal inputs; absent where none is known, or its layer is gone. */
  readonly otherwise?: {
    readonly buildId: string;
    /** The first path that differs, with the likely cause and its mend; `more`: others do, too. */
    readonly example: string;
    readonly more: boolean;
    readonly cause: string;
    readonly mend: string;
  };
  /** Of a COPY or ADD of files of the context: their paths in it. */
  readonly taken: readonly string[];
  /**
   * The packages of dpkg and apk that it installed and of which no container opened a file, the largest first, with the bytes of
   * their files; absent without a trace.
   */
  readonly unusedPackages?: readonly { readonly name: string; readonly bytes: number }[];
}
