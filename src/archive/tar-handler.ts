import type { ReadTarEntry } from './entry.ts';
import type { TarWarning } from './tar-errors.ts';

/** Gets what a TarParser finds, in the order of the tar. What it throws ends the parsing. */
export interface TarHandler {
  entry(entry: ReadTarEntry): void;
  /**
   * Stored bytes of the entry last given, in order; for a sparse file the parts that the tar holds. A view of the
   * chunk that was written: copy it to keep it.
   */
  content?(chunk: Uint8Array): void;
  /** The content of the entry last given is complete. Called for every entry of kind `file`, also for empty ones. */
  contentEnd?(): void;
  warning?(warning: TarWarning): void;
}

export interface TarReadOptions {
  /** Refuse names that are invalid as whiteouts, as in a layer. Whiteouts themselves are ordinary entries. */
  readonly whiteouts?: boolean;
  /** Leave out a file that is named like the root, or not at all, with a warning: docker's ADD does. Refused otherwise. */
  readonly skipRootFiles?: boolean;
  /** Give names of owners and foreign PAX records too, as `records` of each entry. */
  readonly records?: boolean;
  /** Most headers to accept; ENTRIES_MAX by default. */
  readonly entriesMax?: number;
}
