import { ShaleError } from '../../base/index.ts';
import { compareApkVersions, compareApkVersionsFuzzy, isApkVersion } from './version.ts';

/** One word of what a package needs, provides or refuses: `[!]NAME[@TAG][OPERATOR VERSION]`. */
export interface Dependency {
  /** A package, or what packages provide: `so:libssl.so.3`, `cmd:awk`, `pc:zlib`, `/bin/sh`. */
  readonly name: string;
  /** True for `!NAME`: nothing that matches may be there. */
  readonly conflict: boolean;
  /** The tag of the repositories that it may come from besides the ordinary ones. */
  readonly tag: string | undefined;
  readonly constraint: Constraint;
}

export type Constraint =
  | { readonly kind: 'any' }
  | {
      readonly kind: 'version';
      /** As it was written: `>=`. */
      readonly operator: string;
      readonly version: string;
      readonly accepts: { readonly older: boolean; readonly same: boolean; readonly newer: boolean };
      /** `~`: a version that begins like this one is the same. */
      readonly fuzzy: boolean;
    }
  /** `NAME><Q1…`: exactly this build. */
  | { readonly kind: 'checksum'; readonly checksum: string };

const WORD = /^(!?)([^\s!<>=~@]+)(?:@([^\s<>=~@]+))?(?:([<>=~]+)(\S+))?$/;

/** @throws APK_DEPENDENCY for text that is no dependency */
export function parseDependency(text: string): Dependency {
  const [, bang = '', name = '', tag, operator, version] = WORD.exec(text) ?? [];
  const constraint = name === '' ? undefined : constraintOf(operator, version);
  if (constraint === undefined) {
    throw new ShaleError('APK_DEPENDENCY', `${JSON.stringify(text)} is not a dependency as apk has them`, {
      data: { text },
      hint: 'a name, or a name with a version: nginx, nginx>=1.26, nginx~1.26, !nginx',
    });
  }
  return { name, conflict: bang !== '', tag, constraint };
}

function constraintOf(operator: string | undefined, version: string | undefined): Constraint | undefined {
  if (operator === undefined || version === undefined) return { kind: 'any' };
  const has = (character: string): boolean => operator.includes(character);
  if (has('<') && has('>')) return has('=') || has('~') ? undefined : { kind: 'checksum', checksum: version };
  if (!isApkVersion(version)) return undefined;
  return {
    kind: 'version',
    operator,
    version,
    accepts: { older: has('<'), same: has('=') || has('~'), newer: has('>') },
    fuzzy: has('~'),
  };
}

/** The words of a field. @throws APK_DEPENDENCY */
export function parseDependencies(text: string): Dependency[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(parseDependency);
}

/** A dependency as apk writes it; without the tag, as in its database, unless told otherwise. */
export function formatDependency(dependency: Dependency, options: { readonly tag?: boolean } = {}): string {
  const { name, conflict, constraint, tag } = dependency;
  const shownTag = options.tag === true && tag !== undefined ? `@${tag}` : '';
  const condition =
    constraint.kind === 'any'
      ? ''
      : constraint.kind === 'checksum'
        ? `><${constraint.checksum}`
        : `${constraint.operator}${constraint.version}`;
  return `${conflict ? '!' : ''}${name}${shownTag}${condition}`;
}

/** What a package is under one name: its own, with its version, or one that it provides. */
export interface Provision {
  /** Undefined for a name that is provided without a version (a virtual package). */
  readonly version: string | undefined;
  readonly checksum: string;
}

/**
 * True when the dependency is content with who provides its name, or with nobody (`undefined`). A name without a
 * version meets no condition on the version.
 */
export function isProvidedBy(dependency: Dependency, provision: Provision | undefined): boolean {
  const { conflict, constraint } = dependency;
  if (provision === undefined) return conflict;
  return matches(constraint, provision) !== conflict;
}

function matches(constraint: Constraint, { version, checksum }: Provision): boolean {
  if (constraint.kind === 'any') return true;
  if (constraint.kind === 'checksum') return constraint.checksum === checksum;
  if (version === undefined) return false;
  const order = (constraint.fuzzy ? compareApkVersionsFuzzy : compareApkVersions)(version, constraint.version);
  const { older, same, newer } = constraint.accepts;
  return order < 0 ? older : order > 0 ? newer : same;
}
