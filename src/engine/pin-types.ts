/** A version that a Dockerfile should name, as `pinVersions` is asked for it. */
export type PinQuery =
  /** The digest of a tag. */
  | { readonly kind: 'image'; readonly name: string }
  /** `suite` as Debian names it. */
  | { readonly kind: 'apt'; readonly name: string; readonly suite: string }
  /** `branch` as Alpine names it: `v3.20`. */
  | { readonly kind: 'apk'; readonly name: string; readonly branch: string };

/** What is known: the version, or why there is none. */
export type PinAnswer = { readonly version: string } | { readonly problem: string };

export interface PinRequest {
  readonly queries: readonly PinQuery[];
  /** Instead of the mirror of the settings or of this machine's sources. */
  readonly debianMirror?: string;
  readonly alpineMirror: string;
  /** As OCI names it; this machine's when absent. */
  readonly architecture?: string;
}
