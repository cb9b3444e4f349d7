import type { BaseProgress } from '../progress.ts';

/** What `shale base debian` was asked for. */
export interface DebianBaseOptions {
  /** `stable` unless said otherwise. */
  readonly suite?: string;
  /** Leave out documentation, manual pages and translations. */
  readonly slim?: boolean;
  /** As Debian names it (`amd64`, `arm64`). The machine must be able to run its programs. */
  readonly architecture: string;
  /** The mirror that was asked for (`--mirror`). */
  readonly mirror?: string;
  /** The mirror of the configuration or of SHALE_MIRROR_DEBIAN. */
  readonly configuredMirror?: string;
  /** A mirror of the security archive: newer versions are taken from its `<codename>-security`. */
  readonly securityMirror?: string;
  /** Packages besides the minimal ones. */
  readonly include?: readonly string[];
  /** Keyring files to trust instead of Debian's keys. */
  readonly keyrings?: readonly string[];
  /** False for snapshots. */
  readonly checkValidUntil?: boolean;
  /** Seconds since 1970 (SOURCE_DATE_EPOCH); the date of the suite's Release unless said otherwise. */
  readonly epochSeconds?: number;
  /** The program and version that the image's history names. */
  readonly tool: string;
  readonly onProgress?: (event: BaseProgress) => void;
  readonly signal?: AbortSignal;
}
