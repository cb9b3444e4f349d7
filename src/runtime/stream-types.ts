/** What goes in and out of a container that runs on its own: attachments and logs. */
import type { ConsoleSize } from './types.ts';

/** What is kept of a container's output: nothing, or files that are replaced at a size. */
export type LogKeeping = { readonly kind: 'none' } | { readonly kind: 'file'; readonly bytesMax?: number };

/** A connection to a running container's streams. Several may be open; closing one ends nothing but itself. */
export interface Attachment {
  /** What it writes from now on; ends with the container or with `close`. To be read once. */
  output(): AsyncGenerator<OutputPiece>;
  /** False when the container does not read any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Nothing more will be written: the end of the container's input, where it was made with `stdin: 'once'`. */
  endInput(): void;
  resize(size: ConsoleSize): void;
  /** Idempotent. */
  close(): void;
}

export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

export interface LogOptions {
  readonly follow?: boolean;
  /** The last N lines. */
  readonly tail?: number;
  /** Milliseconds since the epoch, both inclusive. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly streams?: readonly ('stdout' | 'stderr')[];
  /** Files that were full before this one, oldest first. */
  readonly older?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  /** With its newline where there was one. */
  readonly bytes: Uint8Array;
}
