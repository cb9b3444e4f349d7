import { invariant, ShaleError } from '../../base/index.ts';
import { type Dependency, formatDependency, isProvidedBy, type Provision } from './dependency.ts';
import { type ApkPackage, provisionsOf } from './package-index.ts';
import { compareApkVersions } from './version.ts';

export interface ResolveOptions {
  readonly packages: readonly ApkPackage[];
  /** What is asked for, as in /etc/apk/world. */
  readonly world: readonly Dependency[];
  /** By repository: the tag that a package from it must be asked for with; undefined for an ordinary one. */
  readonly tags: readonly (string | undefined)[];
}

/** Choices that are tried before giving up; a real system needs a handful. */
const CHOICES_MAX = 20_000;

/**
 * Chooses packages as apk does, in the order in which apk installs them: the newest that meets every condition, of
 * several providers the one with the higher provider_priority, what has no alternative before what has some; then, as
 * long as there are any, packages whose install_if holds. Unlike apk, a choice that leads nowhere is taken back.
 * @throws DEPENDENCY_UNSATISFIED, with who asked for what
 */
export function resolveWorld(options: ResolveOptions): ApkPackage[] {
  const catalogue = new Catalogue(options);
  const search = new Search(catalogue);
  const start = new State();
  for (const dependency of options.world) start.require(dependency, { by: 'you', tags: tagsOf(dependency) });
  const solved = search.solve(start);
  if (solved instanceof ShaleError) throw solved;
  return installOrder(options.world, solved, catalogue);
}

function tagsOf({ tag }: Dependency): ReadonlySet<string> {
  return new Set(tag === undefined ? [] : [tag]);
}

/** What is offered, by the names that packages answer to. */
class Catalogue {
  readonly #providers = new Map<string, ApkPackage[]>();
  readonly #provisions = new Map<ApkPackage, ReadonlyMap<string, Provision>>();
  readonly #depths = new Map<string, number>();
  readonly #tags: readonly (string | undefined)[];
  readonly conditional: readonly ApkPackage[];

  constructor({ packages, tags }: ResolveOptions) {
    this.#tags = tags;
    this.conditional = packages.filter((each) => each.installIf.length > 0);
    for (const each of packages) {
      const provisions = provisionsOf(each);
      this.#provisions.set(each, provisions);
      for (const name of provisions.keys()) {
        const known = this.#providers.get(name);
        if (known === undefined) this.#providers.set(name, [each]);
        else known.push(each);
      }
    }
  }

  providers(name: string): readonly ApkPackage[] {
    return this.#providers.get(name) ?? [];
  }

  provisions(each: ApkPackage): ReadonlyMap<string, Provision> {
    const provisions = this.#provisions.get(each);
    invariant(provisions !== undefined, 'every package of the catalogue has its names');
    return provisions;
  }

  /** True where a package may be taken by who is allowed these tags. */
  isAllowed(each: ApkPackage, tags: ReadonlySet<string>): boolean {
    return each.repositories.some((repository) => {
      const tag = this.#tags[repository];
      return tag === undefined || tags.has(tag);
    });
  }

  isOrdinary(each: ApkPackage): boolean {
    return this.isAllowed(each, new Set());
  }

  /** The longest chain of dependencies below a name: what has the longest is settled first. */
  depth(name: string): number {
    const known = this.#depths.get(name);
    if (known !== undefined) return known;
    this.#depths.set(name, 0);
    let depth = 0;
    for (const each of this.providers(name))
      for (const { name: below } of each.depends) depth = Math.max(depth, this.depth(below) + 1);
    this.#depths.set(name, depth);
    return depth;
  }
}

interface Requirer {
  /** Who asks: `you`, or a package with its version. */
  readonly by: string;
  readonly tags: ReadonlySet<string>;
}

interface Requirement extends Requirer {
  readonly dependency: Dependency;
}

/** How far a solution is: what was chosen, and everything that was asked for. */
class State {
  readonly chosen = new Map<string, ApkPackage>();
  /** Who provides a name. Several may where none of them does so with a version. */
  readonly provided = new Map<string, { readonly by: ApkPackage; readonly provision: Provision }[]>();
  readonly requirements = new Map<string, Requirement[]>();
  /** Packages whose install_if holds, and which cannot be had. */
  readonly refused = new Set<ApkPackage>();

  copy(): State {
    const copy = new State();
    for (const [name, each] of this.chosen) copy.chosen.set(name, each);
    for (const [name, list] of this.provided) copy.provided.set(name, [...list]);
    for (const [name, list] of this.requirements) copy.requirements.set(name, [...list]);
    for (const each of this.refused) copy.refused.add(each);
    return copy;
  }

  require(dependency: Dependency, requirer: Requirer): void {
    const requirement = { dependency, ...requirer };
    const list = this.requirements.get(dependency.name);
    if (list === undefined) this.requirements.set(dependency.name, [requirement]);
    else list.push(requirement);
  }

  choose(each: ApkPackage, catalogue: Catalogue, tags: ReadonlySet<string>): void {
    this.chosen.set(each.name, each);
    for (const [name, provision] of catalogue.provisions(each))
      this.provided.set(name, [...(this.provided.get(name) ?? []), { by: each, provision }]);
    const by = `${each.name}-${each.version}`;
    for (const dependency of each.depends) this.require(dependency, { by, tags });
  }

  /** True when what was chosen is what the dependency asks for. */
  isSatisfied(dependency: Dependency): boolean {
    const providers = this.provided.get(dependency.name) ?? [];
    if (dependency.conflict) return providers.every(({ provision }) => isProvidedBy(dependency, provision));
    return providers.some(({ provision }) => isProvidedBy(dependency, provision));
  }

  isRequired(name: string): boolean {
    return this.requirements.get(name)?.some(({ dependency }) => !dependency.conflict) === true;
  }

  /** What a package that is asked for by this name may be taken from. */
  tagsFor(name: string): ReadonlySet<string> {
    return new Set((this.requirements.get(name) ?? []).flatMap(({ tags }) => [...tags]));
  }
}

class Search {
  readonly #catalogue: Catalogue;
  #choices = 0;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** Completes a state in place, or says why it cannot be. */
  solve(state: State): State | ShaleError {
    for (;;) {
      const wanted = this.#unsettled(state);
      if (wanted.length === 0) {
        const next = this.#triggered(state);
        if (next === undefined) return state;
        const attempt = this.#try(state, next.name, next.candidates);
        if (!(attempt instanceof ShaleError)) return attempt;
        for (const each of next.candidates) state.refused.add(each);
        continue;
      }
      const options = wanted.map((name) => ({ name, candidates: this.#candidates(state, name) }));
      const settled = options.find(({ candidates }) => candidates.length === 1);
      const [only] = settled?.candidates ?? [];
      if (settled !== undefined && only !== undefined) {
        state.choose(only, this.#catalogue, state.tagsFor(settled.name));
        continue;
      }
      // A name without candidates may get one: a package that provides it by the way, when another one asks for it.
      const open = options.filter(({ candidates }) => candidates.length > 0);
      const [hopeless] = options;
      if (open.length === 0 && hopeless !== undefined) return this.#explain(state, hopeless.name);
      const [first] = open.toSorted((a, b) => this.#catalogue.depth(b.name) - this.#catalogue.depth(a.name));
      invariant(first !== undefined, 'a list that is not empty has a first element');
      return this.#try(state, first.name, first.candidates);
    }
  }

  /** The first of the candidates with which everything can be had. */
  #try(state: State, name: string, candidates: readonly ApkPackage[]): State | ShaleError {
    let failure: ShaleError | undefined;
    for (const candidate of candidates) {
      if (++this.#choices > CHOICES_MAX)
        return unsatisfied(`no choice of packages was found after ${CHOICES_MAX} attempts`, { name });
      const attempt = state.copy();
      attempt.choose(candidate, this.#catalogue, state.tagsFor(name));
      const solved = this.solve(attempt);
      if (!(solved instanceof ShaleError)) return solved;
      failure ??= solved;
    }
    return failure ?? this.#explain(state, name);
  }

  #unsettled(state: State): string[] {
    return [...state.requirements.keys()].filter((name) => state.isRequired(name) && !state.provided.has(name));
  }

  /** Packages that install_if asks for now, the best first. */
  #triggered(state: State): { readonly name: string; readonly candidates: readonly ApkPackage[] } | undefined {
    const ready = this.#catalogue.conditional.filter(
      (each) =>
        !state.chosen.has(each.name) &&
        !state.refused.has(each) &&
        each.installIf.every((dependency) => state.isSatisfied(dependency)) &&
        this.#catalogue.isAllowed(each, new Set(each.installIf.flatMap(({ name }) => [...state.tagsFor(name)]))),
    );
    const [first] = ready;
    if (first === undefined) return undefined;
    const name = first.name;
    const candidates = ready.filter((each) => each.name === name && this.#objection(state, each) === undefined);
    for (const each of ready) if (each.name === name && !candidates.includes(each)) state.refused.add(each);
    return candidates.length === 0
      ? this.#triggered(state)
      : { name, candidates: this.#sorted(state, name, candidates) };
  }

  /** Who may provide a name that is asked for, the best first. */
  #candidates(state: State, name: string): ApkPackage[] {
    const tags = state.tagsFor(name);
    const candidates = this.#catalogue
      .providers(name)
      .filter((each) => this.#refusal(state, name, each, tags) === undefined);
    return this.#sorted(state, name, candidates);
  }

  #sorted(state: State, name: string, candidates: readonly ApkPackage[]): ApkPackage[] {
    // Who asks with a tag wants what has it; for what that needs the tag is only a permission.
    const wantsTag = state.requirements.get(name)?.some(({ dependency }) => dependency.tag !== undefined) === true;
    const fits = (each: ApkPackage): number => Number(this.#catalogue.isOrdinary(each) !== wantsTag);
    return candidates.toSorted((a, b) => fits(b) - fits(a) || this.#compare(name, b, a));
  }

  /** Above 0 when `a` is the better provider of the name. */
  #compare(name: string, a: ApkPackage, b: ApkPackage): number {
    const [versionA, versionB] = [a, b].map((each) => this.#catalogue.provisions(each).get(name)?.version);
    const byName = versionA === undefined || versionB === undefined ? 0 : compareApkVersions(versionA, versionB);
    const byOwn = a.name === b.name ? compareApkVersions(a.version, b.version) : 0;
    const byRepository = (b.repositories[0] ?? 0) - (a.repositories[0] ?? 0);
    return byName || byOwn || a.providerPriority - b.providerPriority || byRepository;
  }

  /** Why a package cannot stand for a name, or undefined. */
  #refusal(state: State, name: string, each: ApkPackage, tags: ReadonlySet<string>): string | undefined {
    if (!this.#catalogue.isAllowed(each, tags)) return 'comes from a repository with a tag';
    const isVirtual = this.#catalogue.provisions(each).get(name)?.version === undefined;
    if (isVirtual && each.providerPriority === 0 && !state.isRequired(each.name))
      return 'has no provider_priority, and must be asked for by its own name';
    return this.#objection(state, each);
  }

  /** What speaks against a package besides what was chosen and asked for, or undefined. */
  #objection(state: State, each: ApkPackage): string | undefined {
    for (const [name, provision] of this.#catalogue.provisions(each)) {
      for (const { dependency, by } of state.requirements.get(name) ?? [])
        if (!isProvidedBy(dependency, provision)) return `${by} asks for ${formatDependency(dependency)}`;
      const other = state.provided
        .get(name)
        ?.find(({ provision: theirs }) => theirs.version !== undefined || provision.version !== undefined);
      if (other !== undefined) return `${other.by.name}-${other.by.version} provides ${name} too`;
    }
    for (const dependency of each.depends) {
      if (!this.#isMet(state, each, dependency)) return `needs ${formatDependency(dependency)}`;
    }
    return undefined;
  }

  /** False when what is chosen, or the package itself, stands against what the package needs. */
  #isMet(state: State, each: ApkPackage, dependency: Dependency): boolean {
    const own = this.#catalogue.provisions(each).get(dependency.name);
    // A package that refuses a name which it has itself means all others.
    if (own !== undefined && !dependency.conflict) return isProvidedBy(dependency, own);
    const isKnown = dependency.conflict || state.provided.has(dependency.name);
    return !isKnown || state.isSatisfied(dependency);
  }

  #explain(state: State, name: string): ShaleError {
    const asked = (state.requirements.get(name) ?? []).filter(({ dependency }) => !dependency.conflict);
    const by = asked.map(({ by: who, dependency }) => `${who} (${formatDependency(dependency, { tag: true })})`);
    const tags = state.tagsFor(name);
    const reasons = this.#catalogue
      .providers(name)
      .map(
        (each) => `${each.name}-${each.version}: ${this.#refusal(state, name, each, tags) ?? 'leads to a conflict'}`,
      );
    const why = reasons.length === 0 ? 'no package provides it' : reasons.join('; ');
    return unsatisfied(`${name}, asked for by ${by.join(', ')}, cannot be had: ${why}`, { name, by, reasons });
  }
}

function unsatisfied(message: string, data: Readonly<Record<string, unknown>>): ShaleError {
  return new ShaleError('DEPENDENCY_UNSATISFIED', message, { data });
}

/** apk's order: what is asked for by name, each after what it depends on and before what its install_if brings in. */
function installOrder(world: readonly Dependency[], solved: State, catalogue: Catalogue): ApkPackage[] {
  const ordered: ApkPackage[] = [];
  const seen = new Set<string>();
  const done = new Set<ApkPackage>();
  const conditional = catalogue.conditional.filter((each) => solved.chosen.get(each.name) === each);
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const each = solved.provided.get(name)?.[0]?.by;
    if (each === undefined || done.has(each)) return;
    done.add(each);
    for (const own of catalogue.provisions(each).keys()) seen.add(own);
    for (const dependency of each.depends) visit(dependency.name);
    ordered.push(each);
    for (const other of conditional)
      if (other.installIf.every((dependency) => seen.has(dependency.name) && solved.isSatisfied(dependency)))
        visit(other.name);
  };
  for (const { name } of world.toSorted(compareDisplay)) visit(name);
  return ordered;
}

/** The order in which apk shows and keeps names: without regard to case first. */
export function compareDisplay(a: { readonly name: string }, b: { readonly name: string }): number {
  const [lowA, lowB] = [a.name.toLowerCase(), b.name.toLowerCase()];
  if (lowA !== lowB) return lowA < lowB ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
