import type { ByteString } from '../../base/index.ts';
import type { IndexNode } from '../../erofs/index.ts';
import type { DiveScore, DuplicateGroup, FileSum, PrivilegedFile, ShaleScore, Waste } from '../types.ts';
import { capabilitiesOf } from './capabilities.ts';
import { DiveTally } from './dive-score.ts';
import { Duplicates } from './duplicates.ts';
import { fileCause, folderCause } from './regions.ts';
import { hasOtherMetadata, sameContent } from './same-node.ts';
import { addTo, newSum, sumAt, type GrowingSum } from './sums.ts';
import { walkLayers, type LayerEvent, type LayerVisitor, type PathEvents } from './walk-layers.ts';
import { PendingWaste } from './pending-waste.ts';
import { Region, WasteTally, type TalliedWaste } from './waste-tally.ts';

/** What one layer does, of `ExploredLayer`. */
export interface LayerSums {
  readonly content: FileSum & { readonly directories: number };
  readonly added: FileSum;
  readonly changed: FileSum;
  readonly metadataOnly: FileSum;
  readonly rewritten: FileSum;
  readonly removed: FileSum;
  readonly hiddenLater: FileSum;
}

export interface Analysis {
  readonly layers: readonly LayerSums[];
  readonly visible: FileSum & { readonly directories: number };
  readonly waste: Waste;
  readonly shale: ShaleScore;
  readonly dive: DiveScore;
  readonly duplicates: readonly DuplicateGroup[];
  /** Without packages. */
  readonly privileged: readonly Omit<PrivilegedFile, 'package'>[];
}

/** Told of everything in the end but directories; `bytes` is 0 for a further name of a file. */
export type SeeFile = (path: ByteString, layer: number, bytes: number) => void;

/** Goes once through all layers together. @param roots lowest first, with entries where links of lower layers lead them */
export function analyse(roots: readonly IndexNode[], see: SeeFile): Analysis {
  const analyser = new Analyser(roots.length, see);
  walkLayers(roots, analyser);
  return analyser.finish();
}

type GrowingLayer = { readonly [Name in keyof LayerSums]: GrowingSum } & {
  readonly content: GrowingSum & { directories: number };
};

/** What a container would see at a path, if the layers ended here. */
interface Shown {
  readonly layer: number;
  readonly node: IndexNode;
  /** Bytes of its own layer; 0 for a further name of a file. */
  readonly bytes: number;
  /** The layer whose bytes nobody has counted as waste yet: copies of the same content were, when they came. */
  readonly origin: { readonly layer: number; readonly bytes: number };
}

/** What is known of a path while the paths below it are gone through. */
interface Frame {
  readonly region: Region | undefined;
  /** The region begins here. */
  readonly opensRegion: boolean;
  /** By the layer that hid them: files below here, with the bytes of the layer that had them last. */
  readonly hidden: Map<number, GrowingSum>;
  /** The same by that layer and the one that has the bytes. */
  readonly lost: Map<number, Map<number, GrowingSum>>;
  /** What single files below here waste, until it is seen whether all files of a folder do so. */
  readonly pending: PendingWaste;
  /** Sizes for dive; a layer's number where it is all that the layer hides. */
  readonly occurrences: ({ readonly bytes: number } | { readonly hiddenBy: number })[];
}

/** Where something is put, and what is told of it. */
interface Putting {
  readonly path: ByteString;
  readonly occurrences: Frame['occurrences'][number][];
  /** Of the folder that it lies in. */
  readonly around: PendingWaste;
}

class Analyser implements LayerVisitor<Frame> {
  readonly #layers: GrowingLayer[];
  readonly #dive = new DiveTally();
  readonly #waste = new WasteTally();
  readonly #duplicates = new Duplicates();
  readonly #privileged: Omit<PrivilegedFile, 'package'>[] = [];
  readonly #visible = { ...newSum(), directories: 0 };
  /** Files with several names that had one already, `layer:inode`: in their layer, and among what is there in the end. */
  readonly #named = { stored: new Set<string>(), shown: new Set<string>() };

  readonly #tell: SeeFile;

  constructor(layers: number, see: SeeFile) {
    this.#tell = see;
    this.#layers = Array.from({ length: layers }, () => ({
      content: { ...newSum(), directories: 0 },
      added: newSum(),
      changed: newSum(),
      metadataOnly: newSum(),
      rewritten: newSum(),
      removed: newSum(),
      hiddenLater: newSum(),
    }));
  }

  enter(at: PathEvents, parent: Frame | undefined): Frame {
    const { path, events } = at;
    const occurrences: Frame['occurrences'][number][] = [];
    const hidden = new Map<number, GrowingSum>();
    const lost = new Map<number, Map<number, GrowingSum>>();
    // Of a file its folder says what becomes of it; the root is no file.
    const around = parent?.pending ?? new PendingWaste();
    if (events.some((event) => event.kind === 'node' && event.node.kind !== 'directory')) around.countFile();
    let shown: Shown | undefined;
    for (const [i, event] of events.entries()) {
      if (event.kind === 'cut') {
        if (event.by === 'whiteout')
          occurrences.push(shown?.node.kind === 'directory' ? { hiddenBy: event.layer } : { bytes: 0 });
        const next = events[i + 1];
        // A layer that hides something and has something in its place replaces it.
        if (next?.kind === 'node' && next.layer === event.layer) continue;
        if (shown !== undefined && shown.node.kind !== 'directory') this.#hide(shown, event, path, { hidden, lost });
        shown = undefined;
        continue;
      }
      shown = this.#put(event, shown, { path, occurrences, around });
    }
    const region = this.#regionOf(at, parent, shown);
    if (shown !== undefined) this.#see(at, shown, region);
    const opensRegion = region !== undefined && region !== parent?.region;
    return { region, opensRegion, hidden, lost, occurrences, pending: new PendingWaste() };
  }

  leave({ path, events }: PathEvents, frame: Frame, parent: Frame | undefined): void {
    if (frame.opensRegion) frame.region?.tellTo(this.#waste);
    frame.pending.close(path, parent?.pending, this.#waste);
    this.#dive.add(
      path,
      frame.occurrences.map((one) => ('bytes' in one ? one.bytes : (frame.hidden.get(one.hiddenBy)?.bytes ?? 0))),
    );
    for (const [by, sums] of frame.lost) {
      // Where the layer hides this very path, or all that was in it, here is the top of what it hides.
      const isTop = parent === undefined || isOwnCut(events, by);
      if (isTop)
        for (const [layer, { files, bytes }] of sums)
          this.#waste.add({ path, isFolder: true, cause: 'deleted', files, bytes, layer, by });
      else for (const [layer, { files, bytes }] of sums) addTo(sumAt(mapAt(parent.lost, by), layer), bytes, files);
    }
    if (parent !== undefined)
      for (const [by, { files, bytes }] of frame.hidden) addTo(sumAt(parent.hidden, by), bytes, files);
  }

  finish(): Analysis {
    const duplicates = this.#duplicates.groups(this.#waste);
    const layerBytes = this.#layers.map(({ content }) => content.bytes);
    return {
      layers: this.#layers,
      visible: this.#visible,
      waste: this.#waste.waste(),
      shale: this.#waste.score(layerBytes.reduce((sum, bytes) => sum + bytes, 0)),
      dive: this.#dive.score(layerBytes),
      duplicates,
      privileged: this.#privileged,
    };
  }

  #put(
    { layer, node }: LayerEvent & { readonly kind: 'node' },
    before: Shown | undefined,
    { path, occurrences, around }: Putting,
  ): Shown {
    const sums = this.#layers[layer];
    const bytes = this.#bytesOf(layer, node);
    const own: Shown = { layer, node, bytes, origin: { layer, bytes } };
    if (sums === undefined) return own;
    if (node.kind === 'directory') {
      if (path !== '') sums.content.directories++;
      if (path !== '' && isEmpty(node)) occurrences.push({ bytes: 0 });
      if (before !== undefined && before.node.kind !== 'directory') this.#replace(before, layer, path, around);
      return own;
    }
    occurrences.push({ bytes });
    addTo(sums.content, bytes);
    if (before === undefined || before.node.kind === 'directory') {
      addTo(sums.added, bytes);
      return own;
    }
    addTo(this.#hiddenOf(before), before.bytes);
    if (!sameContent(before.node, node)) {
      addTo(sums.changed, bytes);
      around.add(lostTo(before, layer, path, 'overwritten'));
      return own;
    }
    const isMetadata = hasOtherMetadata(before.node, node);
    addTo(isMetadata ? sums.metadataOnly : sums.rewritten, bytes);
    const cause = isMetadata ? 'metadata' : 'rewritten';
    around.add({ path, isFolder: false, cause, files: 1, bytes, layer, by: undefined });
    return { ...own, origin: before.origin };
  }

  /** A file gives way to a directory. */
  #replace(before: Shown, layer: number, path: ByteString, around: PendingWaste): void {
    addTo(this.#hiddenOf(before), before.bytes);
    around.add(lostTo(before, layer, path, 'overwritten'));
  }

  #hide(
    shown: Shown,
    { layer, by }: LayerEvent & { readonly kind: 'cut' },
    path: ByteString,
    into: Pick<Frame, 'hidden' | 'lost'>,
  ): void {
    const removed = this.#layers[layer]?.removed;
    if (removed !== undefined) addTo(removed, shown.bytes);
    addTo(this.#hiddenOf(shown), shown.bytes);
    addTo(sumAt(into.hidden, layer), shown.bytes);
    if (by !== 'above') this.#waste.add(lostTo(shown, layer, path, 'deleted'));
    else addTo(sumAt(mapAt(into.lost, layer), shown.origin.layer), shown.origin.bytes);
  }

  #hiddenOf({ layer }: Shown): GrowingSum {
    return this.#layers[layer]?.hiddenLater ?? newSum();
  }

  #regionOf({ path, name }: PathEvents, parent: Frame | undefined, shown: Shown | undefined): Region | undefined {
    if (parent?.region !== undefined) return parent.region;
    if (shown?.node.kind !== 'directory') return undefined;
    const cause = folderCause(path, name);
    return cause === undefined ? undefined : new Region(cause, path);
  }

  /** What is there in the end. */
  #see({ path, name }: PathEvents, { layer, node, bytes, origin }: Shown, region: Region | undefined): void {
    if (node.kind === 'directory') {
      if (path !== '') this.#visible.directories++;
      return;
    }
    // Its first name may be gone, so that it is not `bytes`.
    const isFurther = node.kind !== 'file' || this.#isFurtherName(this.#named.shown, layer, node);
    const shownBytes = isFurther ? 0 : node.sizeBytes;
    addTo(this.#visible, shownBytes);
    this.#tell(path, layer, shownBytes);
    const capabilities = node.kind === 'file' ? capabilitiesOf(node) : undefined;
    if (node.kind === 'file' && ((node.mode & 0o6000) !== 0 || capabilities !== undefined)) {
      const { mode, uid, gid } = node;
      this.#privileged.push({ path, layer, mode, uid, gid, capabilities });
    }
    // The bytes of a copy were counted as waste when it came; these are the ones that it was copied from.
    const kept = origin.bytes;
    const cause = fileCause(name);
    if (region !== undefined) region.add(origin.layer, kept);
    else if (cause !== undefined)
      this.#waste.add({ path, isFolder: false, cause, files: 1, bytes: kept, layer: origin.layer, by: undefined });
    const sha256 = bytes > 0 ? node.sha256() : undefined;
    if (sha256 !== undefined)
      this.#duplicates.add({ path, layer, counts: region === undefined && cause === undefined }, sha256, bytes);
  }

  #bytesOf(layer: number, node: IndexNode): number {
    return node.kind !== 'file' || this.#isFurtherName(this.#named.stored, layer, node) ? 0 : node.sizeBytes;
  }

  #isFurtherName(named: Set<string>, layer: number, node: IndexNode): boolean {
    if (node.kind !== 'file' || node.linkCount < 2) return false;
    const key = `${layer}:${node.inode}`;
    if (named.has(key)) return true;
    named.add(key);
    return false;
  }
}

function lostTo({ origin }: Shown, by: number, path: ByteString, cause: 'overwritten' | 'deleted'): TalliedWaste {
  return { path, isFolder: false, cause, files: 1, bytes: origin.bytes, layer: origin.layer, by };
}

function isEmpty(directory: IndexNode): boolean {
  for (const _ of directory.children()) return false;
  return true;
}

function isOwnCut(events: readonly LayerEvent[], layer: number): boolean {
  return events.some(
    (event) => event.layer === layer && (event.kind === 'cut' ? event.by !== 'above' : event.node.kind !== 'directory'),
  );
}

function mapAt<Key, Value>(maps: Map<number, Map<Key, Value>>, key: number): Map<Key, Value> {
  let map = maps.get(key);
  if (map === undefined) maps.set(key, (map = new Map()));
  return map;
}
