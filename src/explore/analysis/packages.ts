import type { ByteString } from '../../base/index.ts';
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
}

/** The packages of an image, and how many bytes of each lie in which layer: it is told of every file of the merged tree. */
export class PackageTally {
  readonly problems: readonly string[];
  readonly #inventory: Inventory;
  readonly #owners: ReadonlyMap<ByteString, Package>;
  readonly #sums = new Map<Package, GrowingSum>();
  readonly #byLayer: readonly Map<Package, GrowingSum>[];
  readonly #unowned = newSum();

  constructor(tree: PackageTree) {
    this.#inventory = readInventory(tree);
    this.#owners = fileOwners(tree, this.#inventory.packages);
    this.#byLayer = tree.layers.map(() => new Map<Package, GrowingSum>());
    this.problems = this.#inventory.problems;
  }

  /** `bash 5.2.15-2`; undefined for what belongs to no package. */
  ownerOf(path: ByteString): string | undefined {
    const owner = this.#owners.get(path);
    return owner && `${owner.name} ${owner.version}`;
  }

  /** Takes in a file; `bytes` is 0 for a further name of one. */
  add(path: ByteString, layer: number, bytes: number): void {
    const owner = this.#owners.get(path);
    if (owner === undefined) return addTo(this.#unowned, bytes);
    addTo(sumAt(this.#sums, owner), bytes);
    const sums = this.#byLayer[layer];
    if (sums !== undefined) addTo(sumAt(sums, owner), bytes);
  }

  found(): FoundPackages {
    const { distribution } = this.#inventory;
    return {
      distribution: distribution?.prettyName ?? distribution?.id,
      report: {
        counts: countsOf(this.#inventory),
        packages: packagesOf(this.#inventory, this.#sums),
        unowned: this.#unowned,
      },
      ofLayer: this.#byLayer.map((layer) =>
        Array.from(layer, ([{ name, version }, { bytes }]) => ({ name, version, bytes }))
          .toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
          .slice(0, OF_LAYER_MAX),
      ),
    };
  }
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
