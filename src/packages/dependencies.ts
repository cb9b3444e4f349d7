import type { ByteString } from '../base/index.ts';
import { apkDependencies } from './apk.ts';
import { dpkgDependencies } from './dpkg.ts';
import { TreeReader } from './tree-reader.ts';
import type { Package, PackageTree } from './types.ts';

/** What an installed package of dpkg or apk needs and has, by name. */
export interface Dependencies {
  readonly name: string;
  /** Of a choice (`a | b`) all that is named. Versions are left out: what is installed has been checked. */
  readonly needs: readonly ByteString[];
  /** Besides its own name. */
  readonly provides: readonly ByteString[];
}

/**
 * The packages of dpkg and apk that others cannot be without, themselves included: what they depend on, and what that depends
 * on. Recommendations do not count. Of several packages that have what is needed all are there.
 */
export function withDependencies(
  tree: PackageTree,
  packages: readonly Package[],
  others: Iterable<Package>,
): ReadonlySet<Package> {
  const reader = new TreeReader(tree);
  const byName = groupBy(packages, ({ type, name }) => `${type} ${name}`);
  const needs = new Map<string, string[]>();
  const providers = new Map<string, string[]>();
  for (const [type, all] of [
    ['deb', dpkgDependencies(reader)],
    ['apk', apkDependencies(reader)],
  ] as const) {
    for (const each of all) {
      const key = `${type} ${each.name}`;
      append(needs, key, ...each.needs.map((name) => `${type} ${name}`));
      for (const name of [each.name, ...each.provides]) append(providers, `${type} ${name}`, key);
    }
  }
  const found = new Set(others);
  // A set is walked through what is added meanwhile, too.
  for (const { type, name } of found) {
    for (const need of needs.get(`${type} ${name}`) ?? []) {
      for (const provider of providers.get(need) ?? []) for (const each of byName.get(provider) ?? []) found.add(each);
    }
  }
  return found;
}

function groupBy(packages: readonly Package[], keyOf: (each: Package) => string): ReadonlyMap<string, Package[]> {
  const groups = new Map<string, Package[]>();
  for (const each of packages) append(groups, keyOf(each), each);
  return groups;
}

function append<T>(map: Map<string, T[]>, key: string, ...values: readonly T[]): void {
  const before = map.get(key);
  if (before === undefined) map.set(key, [...values]);
  else before.push(...values);
}
