/** What the thread that takes packages apart is told. */
export type ToWorker =
  | { readonly kind: 'open'; readonly path: string }
  /** The memory of a chunk of data, given back. */
  | { readonly kind: 'used'; readonly buffer: ArrayBuffer };

/** What it answers: once `control`, then `data` in order, then `end`; or `error` at any point. */
export type FromWorker =
  | { readonly kind: 'control'; readonly bytes: Uint8Array }
  | { readonly kind: 'data'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

export const CHUNK_BYTES: number = 1024 * 1024;
/** How many chunks a thread may be ahead of its reader: bounds the memory, whatever the size of a package is. */
export const WINDOW_CHUNKS = 8;
