import type { ByteString } from '../../base/index.ts';
import type { Exploration, ExplorationComparison, FilePlace } from '../../explore/index.ts';
import type { Key } from '../terminal/keys.ts';
import type { Size } from '../terminal/screen.ts';
import type { ComparePage } from './pages/compare.ts';
import type { DetailsPage } from './pages/details.ts';
import type { DiffPage } from './pages/diff.ts';
import type { FilePage } from './pages/file.ts';
import type { FoundPage } from './pages/found.ts';
import type { HelpPage } from './pages/help.ts';
import type { InventoryPage } from './pages/inventory.ts';
import type { WastePage } from './pages/waste.ts';
import type { FileComparison, FileLook } from '../../explore/index.ts';
import type { ListPosition } from './scrolling.ts';
import type { TextInput } from './text-input.ts';
import type { TreeState } from './tree.ts';

/** The image that is looked at, and what it is compared with where two were named. Never changes while it is shown. */
export interface ExplorerModel {
  readonly image: Pick<Exploration, 'report' | 'list' | 'find' | 'search' | 'resolve'>;
  readonly comparison: ExplorationComparison | undefined;
}

/** All that is shown is a function of this and the model. */
export interface ExplorerState {
  readonly size: Size;
  /** Where keys go to. */
  readonly focus: 'layers' | 'tree';
  /** One layer against all below it, or all from the second on against the lowest. */
  readonly changes: 'layer' | 'aggregated';
  readonly layers: ListPosition;
  readonly tree: TreeState;
  readonly showsAttributes: boolean;
  /** Over layers and tree; the last one is seen and gets the keys. */
  readonly pages: readonly Page[];
  /** A line that is being typed; gets the keys before all else. */
  readonly prompt: Prompt | undefined;
  /** What the last search found, for `n` and `N`. */
  readonly found: { readonly text: string; readonly paths: readonly ByteString[] } | undefined;
  /** Until the next key. */
  readonly message: Message | undefined;
}

export type Page = HelpPage | DetailsPage | WastePage | FoundPage | FilePage | DiffPage | InventoryPage | ComparePage;

export interface Prompt {
  readonly purpose:
    | { readonly kind: 'search' }
    | { readonly kind: 'filter'; readonly before: string }
    | { readonly kind: 'find-in-file' }
    | { readonly kind: 'export'; readonly place: FilePlace };
  readonly input: TextInput;
}

export interface Message {
  readonly text: string;
  readonly isError: boolean;
}

export type ExplorerEvent =
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'resized'; readonly size: Size }
  /** No more has come for now: what takes a while and many keys may have changed is done once. */
  | { readonly kind: 'settled' }
  | { readonly kind: 'looked'; readonly place: FilePlace; readonly look: FileLook }
  | { readonly kind: 'read'; readonly place: FilePlace; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'compared'; readonly place: FilePlace; readonly comparison: FileComparison }
  | { readonly kind: 'exported'; readonly to: string; readonly sizeBytes: number }
  | { readonly kind: 'failed'; readonly effect: Effect; readonly message: string };

/** What has to be done besides showing another state; each of the first four ends in an event. */
export type Effect =
  | { readonly kind: 'look'; readonly place: FilePlace }
  | { readonly kind: 'read'; readonly place: FilePlace; readonly offset: number; readonly lengthBytes: number }
  | { readonly kind: 'compare'; readonly place: FilePlace }
  | { readonly kind: 'export'; readonly place: FilePlace; readonly to: string }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'quit' };

/** What a key on a page asks for. */
export type Action =
  /** The page is shown otherwise. */
  | { readonly kind: 'page'; readonly page: Page }
  | { readonly kind: 'open'; readonly page: Page }
  | { readonly kind: 'close' }
  /** Shows a path in the tree, as of a layer. */
  | { readonly kind: 'go-to'; readonly path: ByteString; readonly layer: number | undefined }
  | { readonly kind: 'prompt'; readonly prompt: Prompt }
  | { readonly kind: 'say'; readonly text: string; readonly isError: boolean }
  | { readonly kind: 'effect'; readonly effect: Effect };

export function isSamePlace(a: FilePlace, b: FilePlace): boolean {
  return a.path === b.path && a.layer === b.layer;
}
