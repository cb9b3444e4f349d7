import type { StoredLayer } from './host.ts';

/** What is told while a base image is made. */
export type BaseProgress =
  /** The signed list that everything follows from was read. */
  | { readonly kind: 'release'; readonly text: string }
  | { readonly kind: 'resolved'; readonly packages: number; readonly downloadBytes: number }
  | { readonly kind: 'unpacked'; readonly name: string; readonly done: number; readonly total: number }
  | { readonly kind: 'configuring' }
  /** What the packages' scripts print. */
  | { readonly kind: 'output'; readonly text: string }
  | { readonly kind: 'layer'; readonly layer: StoredLayer };
