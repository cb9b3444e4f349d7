export interface WhyRequest {
  /** An image, a build id, its beginning, or `latest`. */
  readonly build: string;
  /** Steps as progress numbers them. */
  readonly step?: number;
}

/** Why each step of a build ran or was found in the cache. */
export interface WhyReport {
  readonly buildId: string;
  readonly steps: readonly WhyStep[];
  /** Why the build failed, where it failed before its first step. */
  readonly error?: string;
}

export interface WhyStep {
  readonly number: number;
  readonly name: string;
  readonly outcome: 'cached' | 'ran' | 'failed' | 'canceled';
  /** One sentence: `never built before`, `COPY: 1 file differs from build b…`. */
  readonly reason: string;
  /** What differs from the nearest earlier record. */
  readonly changes: readonly { readonly input: string; readonly before?: string; readonly after?: string }[];
}
