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
  /** Take newer packages from `<codename>-updates`, and from `<codename>-security` of the security mirror. */
  readonly updates?: boolean;
  /** A mirror of the security archive; else that of the host's apt sources. */
  readonly securityMirror?: string;
  /** Packages besides the minimal ones. */
  readonly include?: readonly string[];
  /** Packages that are not to be in it: another alternative is taken. With `packages` they are left out though wanted. */
  readonly exclude?: readonly string[];
  /** Only these and what they depend on: no apt, no dpkg, no shell unless one of them needs it. Nothing is run. */
  readonly packages?: readonly string[];
  /**
   * Who runs the scripts of packages: a container of the image; a container of this machine's architecture, beside the
   * image (dpkg's DPKG_ROOT), so that no emulator is needed; or nobody, so that the packages stay unpacked.
   */
  readonly scripts: 'container' | 'emulate' | 'none';
  /** This machine's architecture, as Debian names it; `emulate` runs its programs. */
  readonly hostArchitecture?: string;
  /** Keyring files to trust instead of Debian's keys. */
  readonly keyrings?: readonly string[];
  /** Fingerprints, of which a key or its primary key must have one to count. */
  readonly keyFingerprints?: readonly string[];
  /** The archive is a snapshot: past its end by nature, and older than what was seen before. */
  readonly isSnapshot?: boolean;
  /** False takes lists past their end, and older than those that were last seen. */
  readonly checkAge?: boolean;
  /** Seconds since 1970 (SOURCE_DATE_EPOCH); the date of the suite's Release unless said otherwise. */
  readonly epochSeconds?: number;
  /** Threads that read packages; as many as there are processors, 4 at most, when absent. The layer does not depend on it. */
  readonly threads?: number;
  /** The program and version that the image's history names. */
  readonly tool: string;
  readonly onProgress?: (event: BaseProgress) => void;
  readonly signal?: AbortSignal;
}
