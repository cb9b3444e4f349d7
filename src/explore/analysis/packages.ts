import type { ByteString } from '../../base/index.ts';
import type { View, ViewNode } from '../../erofs/index.ts';
import { fileOwners, readInventory, type Inventory, type Package, type PackageTree } from '../../packages/index.ts';
import type { ExploredLayer, ExploredPackage, ExploredPackages } from '../types.ts';
import { addTo, newSum, sumAt, type GrowingSum } from './sums.ts';

/** Packages that are told of a layer. */
const OF_LAYER_MAX = 200;

export interface FoundPackages {
  readonly distribution: string | undefined;
  readonly report: ExploredPackages;
  /** By layer. */
  readonly ofLayer: readonly ExploredLayer['packages'][];
  readonly ownerOf: (path: ByteString) => string | undefined;
  readonly problems: readonly string[];
}

/** What packages there are, and what files of them each layer holds. */
export function findPackages(tree: PackageTree): FoundPackages {
  const inventory = readInventory(tree);
  const owners = fileOwners(tree, inventory.packages);
  const sums = new Map<Package, GrowingSum>();
  const byLayer = tree.layers.map(() => new Map<Package, GrowingSum>());
  const unowned = newSum();
  forEachFile(tree.view, (path, node, bytes) => {
    const owner = owners.get(path);
    if (owner === undefined) return addTo(unowned, bytes);
    addTo(sumAt(sums, owner), bytes);
    const layer = byLayer[node.layer];
    if (layer !== undefined) addTo(sumAt(layer, owner), bytes);
  });
  return {
    distribution: inventory.distribution?.prettyName ?? inventory.distribution?.id,
    report: { counts: countsOf(inventory), packages: packagesOf(inventory, sums), unowned },
    ofLayer: byLayer.map((layer) =>
      Array.from(layer, ([{ name, version }, { bytes }]) => ({ name, version, bytes }))
        .toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
        .slice(0, OF_LAYER_MAX),
    ),
    ownerOf: (path) => {
      const owner = owners.get(path);
      return owner && `${owner.name} ${owner.version}`;
    },
    problems: inventory.problems,
  };
}

function packagesOf(inventory: Inventory, sums: ReadonlyMap<Package, GrowingSum>): ExploredPackage[] {
  return inventory.packages
    .map((each) => {
      const { type, name, version, architecture, purl, layer } = each;
      const { files, bytes } = sums.get(each) ?? newSum();
      return { type, name, version, architecture, purl, layer, files, bytes };
    })
    .toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
}

function countsOf({ packages }: Inventory): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of packages) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/** Everything but directories, with the bytes of its content; a further name of a file has none. */
function forEachFile(view: View, each: (path: ByteString, node: ViewNode, bytes: number) => void): void {
  const named = new Set<string>();
  const visit = (directory: ViewNode, prefix: ByteString): void => {
    for (const [name, node] of directory.children()) {
      const path = prefix + name;
      if (node.kind === 'directory') visit(node, `${path}/`);
      else {
        const key = node.kind === 'file' && node.linkCount > 1 ? `${node.layer}:${node.inode}` : undefined;
        const isFurther = key !== undefined && named.has(key);
        if (key !== undefined) named.add(key);
        each(path, node, node.kind === 'file' && !isFurther ? node.sizeBytes : 0);
      }
    }
  };
  visit(view.root, '');
}
