import type { BaseProgress } from '../progress.ts';

/** What `shale base alpine` was asked for. */
export interface AlpineBaseOptions {
  /** As Alpine names it: `x86_64`. */
  readonly architecture: string;
  /** `v3.20`, `edge`: where `repositories` are not named. */
  readonly branch: string;
  /** Where the branches lie. */
  readonly mirror: string;
  /** Repositories instead of the branch's main and community, as lines of /etc/apk/repositories: `[@TAG] URL`. */
  readonly repositories?: readonly string[];
  /** What is asked for instead of the minimal system, as in /etc/apk/world: `nginx`, `nginx~1.26`, `!doc`. */
  readonly packages?: readonly string[];
  /** What is asked for besides. */
  readonly include?: readonly string[];
  /** A folder with the keys that are trusted instead of Alpine's own; the image's apk trusts them too. */
  readonly keyFolder?: string;
  /** Of which a key must have one: sha256 of its DER, hexadecimal. */
  readonly keyFingerprints?: readonly string[];
  /** What becomes of the packages' scripts: run in a container, or left unrun. */
  readonly scripts: 'container' | 'none';
  /** False takes an index that is older than the last one seen. */
  readonly checkAge?: boolean;
  /** Seconds since 1970 (SOURCE_DATE_EPOCH); when the newest of the packages was built unless said otherwise. */
  readonly epochSeconds?: number;
  /** The program and version that the image's history names. */
  readonly tool: string;
  readonly onProgress?: (event: BaseProgress) => void;
  readonly signal?: AbortSignal;
}
