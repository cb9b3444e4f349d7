/**
 * packages: what packages an image holds, and whose each file is. Read from the databases that package managers leave in a
 * root file system (dpkg, apk, npm, pip), through the layers' indexes: nothing is mounted, run or unpacked.
 *
 * Invariants:
 * - What an image holds is foreign. Whatever is malformed, too long or too deep is left out and told in `problems`; no
 *   content of an image makes reading it throw.
 * - The same layers give the same list, in the same order.
 */
export { readInventory } from './inventory.ts';
export { withDependencies } from './dependencies.ts';
export { fileOwners, listedFiles, packageFiles } from './files.ts';
export { formatPurl } from './purl.ts';
export type { Purl } from './purl.ts';
export type { Distribution, FileList, Inventory, LocatedNode, Package, PackageType, PackageTree } from './types.ts';
