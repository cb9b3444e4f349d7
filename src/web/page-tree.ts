import type { Exploration, TreeEntry, TreeScope } from '../explore/index.ts';
import { type EntryExtras, KIND_LETTERS, type PageTree, STATE_LETTERS, type TreeName } from './wire.ts';

/** Layers that an image may have is below this; so are numbers in names of trees. */
const LAYER_DIGITS_MAX = 5;

interface TreeKind {
  readonly scope: TreeScope;
  /** Whether entries that are as they were are there too. */
  readonly whole: boolean;
}

/** What a name asks for; undefined for a name of no tree of this image. */
export function parseTreeName(name: string, layers: number): TreeKind | undefined {
  const last = layers - 1;
  if (name === 'merged') return { scope: { from: 0, to: Math.max(0, last) }, whole: true };
  const [, kind, digits = ''] = /^(changes|state)-(\d+)$/.exec(name) ?? [];
  const layer = Number(digits);
  if (kind === undefined || digits.length > LAYER_DIGITS_MAX || layer > last) return undefined;
  return { scope: { from: layer, to: layer }, whole: kind === 'state' };
}

/**
 * The columns of a tree. Where it has more than `entriesMax` entries, the small ones are left out and told in sums: a directory is
 * as large as all below it, so what is kept always has its parents.
 */
export function pageTree(exploration: Exploration, { scope, whole }: TreeKind, entriesMax: number): PageTree {
  const walk = (): Iterable<TreeEntry> => exploration.walk(scope, '', (entry) => whole || entry.state !== 'unmodified');
  const shown = (entry: TreeEntry): boolean => entry.path !== '' && (whole || entry.state !== 'unmodified');
  const columns = new Columns(sizeLimit(walk(), shown, entriesMax), entriesMax);
  for (const entry of walk()) if (shown(entry)) columns.add(entry);
  const root = exploration.find(scope, '');
  return columns.finish({
    files: root?.files ?? 0,
    bytes: root?.sizeBytes ?? 0,
    newBytes: root?.newBytes ?? 0,
  });
}

/** The size that an entry must be above so that at most `max` are kept; -1 where all may be. */
function sizeLimit(entries: Iterable<TreeEntry>, shown: (entry: TreeEntry) => boolean, max: number): number {
  const sizes: number[] = [];
  for (const entry of entries) if (shown(entry)) sizes.push(entry.sizeBytes);
  if (sizes.length <= max) return -1;
  return Float64Array.from(sizes).toSorted()[sizes.length - max - 1] ?? -1;
}

class Columns {
  readonly #depths: number[] = [];
  readonly #names: string[] = [];
  readonly #kinds: string[] = [];
  readonly #states: string[] = [];
  readonly #sizes: number[] = [];
  readonly #newBytes: number[] = [];
  readonly #files: number[] = [];
  readonly #layers: number[] = [];
  readonly #modes: number[] = [];
  readonly #owners: number[] = [];
  readonly #ownerPlaces = new Map<string, number>();
  readonly #extras: Record<number, EntryExtras> = {};
  readonly #left: Record<number, { files: number; bytes: number }> = {};
  /** Places of the directories that the next entry may lie in, by depth. */
  readonly #open: number[] = [-1];
  readonly #above: number;
  readonly #max: number;
  /** The depth of a directory that was left out, with all below it. */
  #skipping = Infinity;

  constructor(above: number, max: number) {
    this.#above = above;
    this.#max = max;
  }

  add(entry: TreeEntry): void {
    const depth = entry.path.split('/').length;
    if (depth > this.#skipping) return;
    this.#skipping = Infinity;
    if (entry.sizeBytes <= this.#above || this.#names.length >= this.#max) {
      this.#leave(entry, depth);
      return;
    }
    const place = this.#names.push(entry.name) - 1;
    this.#open[depth] = place;
    this.#depths.push(depth);
    this.#kinds.push(KIND_LETTERS[entry.kind]);
    this.#states.push(STATE_LETTERS[entry.state]);
    this.#sizes.push(entry.sizeBytes);
    this.#newBytes.push(entry.newBytes);
    this.#files.push(entry.files);
    this.#layers.push(entry.layer);
    this.#modes.push(entry.mode);
    this.#owners.push(this.#ownerPlace(`${entry.uid}:${entry.gid}`));
    const extras = extrasOf(entry);
    if (extras !== undefined) this.#extras[place] = extras;
  }

  finish(total: PageTree['total']): PageTree {
    return {
      total,
      depths: this.#depths,
      names: this.#names,
      kinds: this.#kinds.join(''),
      states: this.#states.join(''),
      sizes: this.#sizes,
      newBytes: this.#newBytes,
      files: this.#files,
      layers: this.#layers,
      modes: this.#modes,
      owners: this.#owners,
      ownerNames: [...this.#ownerPlaces.keys()],
      extras: this.#extras,
      left: this.#left,
    };
  }

  #leave({ kind, files, sizeBytes }: TreeEntry, depth: number): void {
    if (kind === 'directory') this.#skipping = depth;
    const sum = (this.#left[this.#open[depth - 1] ?? -1] ??= { files: 0, bytes: 0 });
    sum.files += files;
    sum.bytes += sizeBytes;
  }

  #ownerPlace(name: string): number {
    const place = this.#ownerPlaces.get(name) ?? this.#ownerPlaces.size;
    this.#ownerPlaces.set(name, place);
    return place;
  }
}

function extrasOf(entry: TreeEntry): EntryExtras | undefined {
  const extras: EntryExtras = {
    ...(entry.linkTarget === undefined ? {} : { target: entry.linkTarget }),
    ...(entry.device === undefined ? {} : { device: entry.device }),
    ...(entry.linkCount > 1 && entry.kind !== 'directory' ? { links: entry.linkCount } : {}),
    ...(entry.capabilities === undefined ? {} : { capabilities: entry.capabilities }),
    ...(entry.xattrs.length === 0 ? {} : { xattrs: entry.xattrs }),
    ...(entry.package === undefined ? {} : { package: entry.package }),
    ...(entry.state === 'modified' && entry.differs.length > 0 ? { differs: entry.differs } : {}),
  };
  return Object.keys(extras).length === 0 ? undefined : extras;
}

/** `changes-3`. */
export function changesName(layer: number): TreeName {
  return `changes-${layer}`;
}
