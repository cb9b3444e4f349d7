import type { ByteString } from '../../base/index.ts';
import type { TalliedWaste, WasteTally } from './waste-tally.ts';

interface Group {
  files: number;
  bytes: number;
  readonly entries: TalliedWaste[];
}

/**
 * What single files below a folder waste, kept until it is seen whether all its files do so alike: a `chown -R` is one entry
 * then, and not thousands.
 */
export class PendingWaste {
  #files = 0;
  readonly #groups = new Map<string, Group>();

  /** There is a file, in any layer, whether it wastes anything or not. */
  countFile(): void {
    this.#files++;
  }

  add(entry: TalliedWaste): void {
    const key = `${entry.cause} ${entry.layer} ${entry.by}`;
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = { files: 0, bytes: 0, entries: [] }));
    group.files += entry.files;
    group.bytes += entry.bytes;
    group.entries.push(entry);
  }

  /** All below the folder was seen: hands on what is true of all its files, and tells the rest. */
  close(path: ByteString, above: PendingWaste | undefined, tally: WasteTally): void {
    for (const { files, bytes, entries } of this.#groups.values()) {
      const [first] = entries;
      if (first === undefined) continue;
      if (above === undefined || files !== this.#files) for (const entry of entries) tally.add(entry);
      else if (entries.length === 1) above.add(first);
      else above.add({ ...first, path, isFolder: true, files, bytes });
    }
    if (above !== undefined) above.#files += this.#files;
  }
}
