import { invariant, ShaleError, toText, type ByteString, type ByteStream } from '../base/index.ts';
import { effectiveRoots, mergeIndexes, type IndexNode, type View, type ViewNode } from '../erofs/index.ts';
import type { PackageTree } from '../packages/index.ts';
import { analyse } from './analysis/analyse.ts';
import { PackageTally } from './analysis/packages.ts';
import { compareFiles, lookInto, readRange } from './file-look.ts';
import type { ExplorationParts, LayerPart } from './parts.ts';
import { reportOf } from './report.ts';
import { ScopeTree } from './scope-tree.ts';
import { matcherOf } from './search.ts';
import type {
  Exploration,
  FileComparison,
  FileLook,
  FilePlace,
  PathInLayer,
  SearchQuery,
  TreeEntry,
  TreeScope,
} from './tree-types.ts';
import type { ExplorationReport } from './types.ts';

/** Scopes whose sums are kept. */
const SCOPES_MAX = 8;
const FOUND_MAX = 1000;

/** The whole tree of each exploration that is open, for comparing them node by node. */
const VIEWS = new WeakMap<Exploration, View>();

/** What a container sees of an exploration that `explore` opened. */
export function viewOf(exploration: Exploration): View {
  const view = VIEWS.get(exploration);
  invariant(view !== undefined, 'an exploration was opened by explore()');
  return view;
}

/** Opens an image from what it is made of, and goes through it once. The parts are closed with it. */
export function explore(parts: ExplorationParts): Exploration {
  return new OpenExploration(parts);
}

class OpenExploration implements Exploration {
  readonly report: ExplorationReport;
  readonly #parts: ExplorationParts;
  readonly #packages: PackageTally;
  readonly #roots: readonly IndexNode[];
  /** What the lowest layers make, by their number. */
  readonly #views = new Map<number, View>();
  readonly #scopes = new Map<string, ScopeTree>();

  constructor(parts: ExplorationParts) {
    this.#parts = parts;
    const indexes = parts.layers.map(({ index }) => index);
    this.#roots = effectiveRoots(indexes);
    VIEWS.set(this, this.#view(indexes.length));
    this.#packages = new PackageTally(this.#packageTree());
    const analysis = analyse(this.#roots, (path, layer, bytes) => this.#packages.add(path, layer, bytes));
    this.report = reportOf(parts, analysis, this.#packages);
  }

  list(scope: TreeScope, path: ByteString): readonly TreeEntry[] {
    return this.#tree(scope).list(path);
  }

  find(scope: TreeScope, path: ByteString): TreeEntry | undefined {
    return this.#tree(scope).find(path);
  }

  resolve({ path, layer }: FilePlace): ByteString | undefined {
    const found = this.#view(layer + 1).resolve(path, { followLast: true });
    return found.node === undefined ? undefined : found.path;
  }

  walk(scope: TreeScope, path: ByteString, enter: (entry: TreeEntry) => boolean = () => true): Iterable<TreeEntry> {
    return this.#tree(scope).walk(path, enter);
  }

  search({ scope, text, states, max = FOUND_MAX }: SearchQuery): readonly TreeEntry[] {
    const matches = matcherOf(text);
    const found: TreeEntry[] = [];
    for (const entry of this.walk(scope, '')) {
      if (found.length >= max) break;
      if ((states === undefined || states.includes(entry.state)) && matches(toText(entry.path))) found.push(entry);
    }
    return found;
  }

  async look(place: FilePlace): Promise<FileLook> {
    const node = this.#node(place);
    const entry = this.find({ from: 0, to: place.layer }, place.path);
    if (entry === undefined) throw noEntry(place);
    const sha256 = node.sha256();
    return {
      entry,
      sha256: sha256 && Buffer.from(sha256).toString('hex'),
      history: this.#history(place.path),
      ...(await lookInto(this.#layer(node), node)),
    };
  }

  async read(place: FilePlace, range: { readonly offset: number; readonly lengthBytes: number }): Promise<Uint8Array> {
    const node = this.#file(place);
    return readRange(this.#layer(node), node, range);
  }

  stream(place: FilePlace): ByteStream {
    const node = this.#file(place);
    return this.#layer(node).open(node, 0);
  }

  async compareWithBelow(place: FilePlace): Promise<FileComparison> {
    const after = this.#file(place);
    const before = after.layer === 0 ? undefined : this.#view(after.layer).find(place.path);
    const side = (node: ViewNode) => ({ layer: this.#layer(node), node });
    return compareFiles({
      name: toText(place.path),
      before: before === undefined || before.kind !== 'file' ? undefined : side(before),
      after: side(after),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }

  #view(layers: number): View {
    let view = this.#views.get(layers);
    if (view === undefined)
      this.#views.set(layers, (view = mergeIndexes(this.#parts.layers.slice(0, layers).map(({ index }) => index))));
    return view;
  }

  #tree({ from, to }: TreeScope): ScopeTree {
    const top = this.#parts.layers.length - 1;
    const last = Math.min(to, top);
    const key = `${from}:${last}`;
    const known = this.#scopes.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#scopes.keys();
    if (oldest !== undefined && this.#scopes.size >= SCOPES_MAX) this.#scopes.delete(oldest);
    const tree = new ScopeTree({
      before: from <= 0 ? undefined : this.#view(from).root,
      after: this.#view(last + 1).root,
      from,
      packageOf: (path) => this.#packages.ownerOf(path),
    });
    this.#scopes.set(key, tree);
    return tree;
  }

  #packageTree(): PackageTree {
    const { layers } = this.#parts;
    const view = this.#view(layers.length);
    return {
      layers,
      view,
      // What cannot be read is as if it were empty.
      locate: (node) => layers[node.layer]?.locate(node) ?? { path: '/dev/null', offset: 0, sizeBytes: 0 },
    };
  }

  #node(place: FilePlace): ViewNode {
    const node = this.#view(place.layer + 1).find(place.path);
    if (node === undefined) throw noEntry(place);
    return node;
  }

  #file(place: FilePlace): ViewNode {
    const node = this.#node(place);
    if (node.kind === 'file') return node;
    throw new ShaleError('EXPLORE_NOT_A_FILE', `/${toText(place.path)} is a ${node.kind}, not a regular file`, {
      data: { path: place.path, kind: node.kind },
    });
  }

  #layer({ layer }: ViewNode): LayerPart {
    const found = this.#parts.layers[layer];
    if (found === undefined) throw new ShaleError('EXPLORE_NO_ENTRY', 'an image without layers has no files');
    return found;
  }

  #history(path: ByteString): PathInLayer[] {
    return this.#roots.flatMap((root, layer) => {
      const node = nodeAt(root, path);
      if (node === undefined) return [];
      const sha256 = node.sha256();
      return [
        {
          layer,
          kind: node.kind === 'whiteout' ? 'absent' : node.kind,
          sizeBytes: node.sizeBytes,
          mode: node.mode,
          sha256: sha256 && Buffer.from(sha256).toString('hex'),
        },
      ];
    });
  }
}

function nodeAt(root: IndexNode, path: ByteString): IndexNode | undefined {
  let node: IndexNode | undefined = root;
  for (const name of path === '' ? [] : path.split('/')) node = node?.child(name);
  return node;
}

function noEntry({ path, layer }: FilePlace): ShaleError {
  return new ShaleError('EXPLORE_NO_ENTRY', `there is no /${toText(path)} after layer ${layer}`, {
    data: { path, layer },
    hint: 'paths are those of the image, links are not followed: shale explore IMAGE --search TEXT finds them',
  });
}
