import { invariant, ShaleError } from '../../base/index.ts';
import type { Package, PackagesIndex } from './packages-index.ts';
import { type Alternatives, formatAlternatives, formatRelation, type Relation } from './relation.ts';
import { satisfiesVersion } from './version.ts';

export interface ResolveOptions {
  readonly architecture: string;
  /** Packages to have besides the minimal set. */
  readonly include: readonly string[];
  /** Packages that must not be chosen; another alternative is taken. */
  readonly exclude: readonly string[];
  /** Names that count as there, though they are not. */
  readonly leaveOut?: ReadonlySet<string>;
}

/** What goes into a base image. */
export interface Selection {
  /** Everything, each after what it depends on (cycles cut where dpkg would), by name where the order is free. */
  readonly packages: readonly Package[];
  /** The names of the essential packages and of what these depend on: they are configured first. */
  readonly essential: ReadonlySet<string>;
}

/**
 * The minimal system: packages that are Essential or `Priority: required`, apt, what they depend on, and `include`.
 * This is what `mmdebstrap --variant=minbase` and debootstrap's minbase take.
 * @throws PACKAGE_NOT_FOUND, DEPENDENCY_UNSATISFIED (the chain of packages is in message and data), PACKAGES_CONFLICT.
 */
export function resolveMinimal(index: PackagesIndex, options: ResolveOptions): Selection {
  const marked = index.listMarked().filter((each) => !options.exclude.includes(each.name));
  if (marked.length === 0) {
    throw new ShaleError('PACKAGE_NOT_FOUND', `the mirror offers no essential package for ${options.architecture}`);
  }
  const named = ['apt', ...options.include].map((name) => getPackage(index, name));
  const resolver = new Resolver(index, options);
  resolver.addAll([...marked, ...named]);
  checkConflicts(resolver.chosen, options.architecture);
  const essential = new Resolver(index, options, resolver.chosen);
  essential.addAll(marked.filter((each) => each.essential));
  return {
    packages: orderByDependency([...resolver.chosen.values()], options.architecture),
    essential: new Set(essential.chosen.keys()),
  };
}

/**
 * Only the packages of `include` and what they depend on. What is excluded is left out though others want it: where no
 * script runs, much is wanted for them alone.
 * @throws PACKAGE_NOT_FOUND, DEPENDENCY_UNSATISFIED, PACKAGES_CONFLICT.
 */
export function resolveOnly(index: PackagesIndex, options: ResolveOptions): Selection {
  const resolver = new Resolver(index, { ...options, leaveOut: new Set(options.exclude) });
  resolver.addAll(options.include.map((name) => getPackage(index, name)));
  checkConflicts(resolver.chosen, options.architecture);
  return { packages: orderByDependency([...resolver.chosen.values()], options.architecture), essential: new Set() };
}

function getPackage(index: PackagesIndex, name: string): Package {
  const found = index.find(name);
  if (found !== undefined) return found;
  throw new ShaleError('PACKAGE_NOT_FOUND', `the mirror offers no package ${name}`, { data: { package: name } });
}

const PRIORITIES: ReadonlyMap<string, number> = new Map([
  ['required', 0],
  ['important', 1],
  ['standard', 2],
  ['optional', 3],
]);

class Resolver {
  readonly chosen = new Map<string, Package>();
  readonly #index: PackagesIndex;
  readonly #options: ResolveOptions;
  /** Where given, only these may be chosen. */
  readonly #among: ReadonlyMap<string, Package> | undefined;

  constructor(index: PackagesIndex, options: ResolveOptions, among?: ReadonlyMap<string, Package>) {
    this.#index = index;
    this.#options = options;
    this.#among = among;
  }

  /** All of them are there before the first dependency is looked at, so that they are preferred as alternatives. */
  addAll(packages: readonly Package[]): void {
    for (const each of packages) this.chosen.set(each.name, each);
    for (const each of packages) {
      const failure = this.#addDependencies(each, [each]);
      if (failure !== undefined) throw failure;
    }
  }

  #addDependencies(dependent: Package, chain: readonly Package[]): ShaleError | undefined {
    for (const alternatives of [...dependent.preDepends, ...dependent.depends]) {
      const failure = this.#satisfy(alternatives, chain);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  // The first alternative that works; a choice that turns out to be impossible deeper down is taken back.
  #satisfy(alternatives: Alternatives, chain: readonly Package[]): ShaleError | undefined {
    const { leaveOut } = this.#options;
    if (alternatives.some((relation) => leaveOut?.has(relation.name) === true || this.#isSatisfied(relation)))
      return undefined;
    let deepest: ShaleError | undefined;
    for (const candidate of alternatives.flatMap((relation) => this.#candidates(relation))) {
      const before = [...this.chosen.keys()];
      this.chosen.set(candidate.name, candidate);
      const failure = this.#addDependencies(candidate, [...chain, candidate]);
      if (failure === undefined) return undefined;
      deepest ??= failure;
      this.#restore(before);
    }
    return deepest ?? unsatisfied(alternatives, chain);
  }

  #isSatisfied(relation: Relation): boolean {
    const direct = this.chosen.get(relation.name);
    if (direct !== undefined && isSatisfiedBy(relation, direct, this.#options.architecture)) return true;
    for (const each of this.chosen.values()) {
      if (each.provides.length > 0 && isSatisfiedBy(relation, each, this.#options.architecture)) return true;
    }
    return false;
  }

  #candidates(relation: Relation): Package[] {
    const offered = [
      ...this.#index.list(relation.name).slice(0, 1),
      ...sortProviders(this.#index.listProviders(relation.name)),
    ];
    return offered.filter(
      (each) =>
        !this.#options.exclude.includes(each.name) &&
        !this.chosen.has(each.name) &&
        (this.#among === undefined || this.#among.has(each.name)) &&
        isSatisfiedBy(relation, each, this.#options.architecture) &&
        this.#conflictOf(each) === undefined,
    );
  }

  #conflictOf(candidate: Package): Package | undefined {
    for (const each of this.chosen.values()) {
      if (
        excludes(candidate, each, this.#options.architecture) ||
        excludes(each, candidate, this.#options.architecture)
      ) {
        return each;
      }
    }
    return undefined;
  }

  #restore(names: readonly string[]): void {
    const keep = new Set(names);
    for (const name of this.chosen.keys()) if (!keep.has(name)) this.chosen.delete(name);
  }
}

function sortProviders(providers: readonly Package[]): Package[] {
  const rank = (each: Package): number => (each.essential ? -1 : (PRIORITIES.get(each.priority) ?? 4));
  return providers.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** True when `candidate`, by name or by what it provides, is what the relation asks for. */
export function isSatisfiedBy(relation: Relation, candidate: Package, architecture: string): boolean {
  const { qualifier, constraint } = relation;
  if (qualifier !== undefined && qualifier !== 'any' && qualifier !== 'native' && qualifier !== architecture)
    return false;
  if (candidate.name === relation.name) {
    if (constraint === undefined || satisfiesVersion(candidate.version, constraint.operator, constraint.version))
      return true;
  }
  return candidate.provides.some((provided) => {
    if (provided.name !== relation.name) return false;
    if (constraint === undefined) return true;
    // Only a versioned Provides meets a versioned relation (Debian policy 7.5).
    return (
      provided.constraint !== undefined &&
      satisfiesVersion(provided.constraint.version, constraint.operator, constraint.version)
    );
  });
}

/** True when `a` says that it cannot be installed beside `b`. A package never excludes itself. */
function excludes(a: Package, b: Package, architecture: string): boolean {
  if (a.name === b.name) return false;
  return [...a.conflicts, ...a.breaks].some((group) =>
    group.some((relation) => isSatisfiedBy(relation, b, architecture)),
  );
}

function checkConflicts(chosen: ReadonlyMap<string, Package>, architecture: string): void {
  const providers = new Map<string, Package[]>();
  for (const each of chosen.values()) {
    for (const name of [each.name, ...each.provides.map((provided) => provided.name)]) {
      providers.set(name, [...(providers.get(name) ?? []), each]);
    }
  }
  for (const each of chosen.values()) {
    for (const relation of [...each.conflicts, ...each.breaks].flat()) {
      const other = providers
        .get(relation.name)
        ?.find((b) => b.name !== each.name && isSatisfiedBy(relation, b, architecture));
      if (other === undefined) continue;
      throw new ShaleError(
        'PACKAGES_CONFLICT',
        `${each.name} ${each.version} conflicts with ${other.name} ${other.version} (${formatRelation(relation)})`,
        {
          data: { package: each.name, other: other.name, relation: formatRelation(relation) },
        },
      );
    }
  }
}

function unsatisfied(alternatives: Alternatives, chain: readonly Package[]): ShaleError {
  const names = chain.map((each) => each.name);
  const dependent = chain.at(-1);
  invariant(dependent !== undefined, 'a dependency has a package that asks for it');
  const wanted = formatAlternatives(alternatives);
  const through = names.length > 1 ? ` (wanted through ${names.join(' → ')})` : '';
  return new ShaleError(
    'DEPENDENCY_UNSATISFIED',
    `${dependent.name} ${dependent.version} depends on ${wanted}, which cannot be had${through}`,
    {
      data: { package: dependent.name, relation: wanted, chain: names },
    },
  );
}

/** Each package after what it depends on; packages by name where that leaves a choice. */
function orderByDependency(packages: readonly Package[], architecture: string): Package[] {
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const done = new Set<Package>();
  const ordered: Package[] = [];
  const visit = (each: Package): void => {
    if (done.has(each)) return;
    done.add(each);
    for (const relation of [...each.preDepends, ...each.depends].flat()) {
      for (const other of sorted) if (isSatisfiedBy(relation, other, architecture)) visit(other);
    }
    ordered.push(each);
  };
  for (const each of sorted) visit(each);
  return ordered;
}
