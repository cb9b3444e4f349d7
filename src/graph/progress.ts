/**
 * What a build (or any long operation) tells while it runs: one stream of events from the engine to every display, log
 * and API. Times are milliseconds since 1970; `id` is that of the vertex, `number` the one that people see.
 */
export type ProgressEvent =
  | {
      readonly kind: 'vertex-started';
      readonly id: string;
      readonly number: number;
      readonly name: string;
      readonly time: number;
    }
  | {
      readonly kind: 'vertex-log';
      readonly id: string;
      readonly stream: 'stdout' | 'stderr';
      readonly data: Uint8Array;
      readonly time: number;
    }
  | { readonly kind: 'vertex-done'; readonly id: string; readonly cached: boolean; readonly time: number }
  | { readonly kind: 'vertex-error'; readonly id: string; readonly message: string; readonly time: number }
  | { readonly kind: 'vertex-canceled'; readonly id: string; readonly time: number }
  /** How far a part of a vertex is; `total` in the same unit, 0 when unknown. */
  | {
      readonly kind: 'progress';
      readonly id: string;
      readonly what: string;
      readonly current: number;
      readonly total: number;
      /** Of `current`, what was there before. */
      readonly had?: number;
      readonly time: number;
    }
  /** What a build check found, told before anything runs. */
  | {
      readonly kind: 'finding';
      readonly rule: string;
      readonly message: string;
      /** What the rule asks for. */
      readonly description: string;
      readonly url?: string;
      readonly file: string;
      /** Counted from 1. */
      readonly firstLine: number;
      readonly lastLine: number;
      /** The whole file. */
      readonly text: string;
      readonly time: number;
    }
  | { readonly kind: 'warning'; readonly message: string; readonly detail?: string; readonly time: number }
  | { readonly kind: 'finished'; readonly time: number };
