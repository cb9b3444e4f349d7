import { compareBytes } from '../base/index.ts';
import { readApk } from './apk.ts';
import { readDpkg } from './dpkg.ts';
import { readLock, readModule } from './npm.ts';
import { readDistribution } from './os-release.ts';
import { readDistributionInfo } from './python.ts';
import { TreeReader } from './tree-reader.ts';
import type { Inventory, Package, PackageTree } from './types.ts';
import { walkForPackages } from './walk.ts';

/** Packages of one image; further ones are left out. */
const PACKAGES_MAX = 200_000;

/**
 * Lists the packages that an image holds. It reads what package managers wrote: what was copied in without one is in no
 * list, and the database of rpm is not read, which is told.
 */
export function readInventory(tree: PackageTree): Inventory {
  const reader = new TreeReader(tree);
  const distribution = readDistribution(reader);
  const packages: Package[] = [];
  for (const each of packagesOf(reader, distribution)) {
    if (packages.length === PACKAGES_MAX) {
      reader.problem('', `there are more than ${PACKAGES_MAX} packages`);
      break;
    }
    packages.push(each);
  }
  for (const path of ['var/lib/rpm/rpmdb.sqlite', 'var/lib/rpm/Packages', 'usr/lib/sysimage/rpm/rpmdb.sqlite'])
    if (reader.find(path) !== undefined) reader.problem(path, 'the packages of rpm are not read');
  return { distribution, packages: packages.toSorted(byIdentity), problems: reader.problems };
}

function* packagesOf(reader: TreeReader, distribution: Inventory['distribution']): Generator<Package> {
  yield* readDpkg(reader, distribution);
  yield* readApk(reader, distribution);
  for (const found of walkForPackages(reader)) {
    if (found.kind === 'npm-lock') yield* readLock(reader, found);
    else {
      const each = found.kind === 'npm-package' ? readModule(reader, found) : readDistributionInfo(reader, found);
      if (each !== undefined) yield each;
    }
  }
}

function byIdentity(a: Package, b: Package): number {
  return (
    compareBytes(a.type, b.type) ||
    compareBytes(a.name, b.name) ||
    compareBytes(a.version, b.version) ||
    compareBytes(a.architecture ?? '', b.architecture ?? '') ||
    compareBytes(a.foundIn, b.foundIn)
  );
}
