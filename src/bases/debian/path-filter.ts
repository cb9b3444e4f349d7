import type { ByteString } from '../../base/index.ts';

/** One `path-exclude` or `path-include` of dpkg's configuration (dpkg(1)). */
export interface PathRule {
  readonly kind: 'exclude' | 'include';
  /** A shell pattern over the whole path with its leading slash; `*` matches slashes too. */
  readonly pattern: string;
}

/** Says which paths (clean, without leading slash) of packages are not to be unpacked. */
export type PathFilter = (path: ByteString, kind: 'directory' | 'symlink' | 'other') => boolean;

/**
 * dpkg's rule: the last matching pattern decides. A folder or symlink is kept when an include pattern could match
 * something below it.
 */
export function makePathFilter(rules: readonly PathRule[]): PathFilter {
  const compiled = rules.map((rule) => ({
    excludes: rule.kind === 'exclude',
    matches: patternRegex(rule.pattern),
    // What stands before the first wildcard.
    fixed: rule.pattern.replace(/[*?[\\][^]*$/, '').replace(/\/+$/, ''),
  }));
  return (path, kind) => {
    const name = `/${path}`;
    let skip = false;
    for (const rule of compiled) if (rule.matches.test(name)) skip = rule.excludes;
    if (!skip || kind === 'other') return skip;
    // Rather a folder too many than one that an included file then lacks.
    return !compiled.some(
      (rule) => !rule.excludes && (name.startsWith(rule.fixed) || rule.fixed.startsWith(`${name}/`)),
    );
  };
}

// fnmatch(3) without flags.
function patternRegex(pattern: string): RegExp {
  const source = pattern.replace(/\*+|\?|[^*?\w]/g, (part) =>
    part.startsWith('*') ? '[^]*' : part === '?' ? '[^]' : `\\${part}`,
  );
  return new RegExp(`^${source}$`);
}

/**
 * What slim images leave out, as the official ones do: documentation, manual pages, translations; the copyright files
 * stay.
 */
export const SLIM_RULES: readonly PathRule[] = [
  ...[
    '/usr/share/doc/*',
    '/usr/share/info/*',
    '/usr/share/linda/*',
    '/usr/share/lintian/overrides/*',
    '/usr/share/locale/*',
    '/usr/share/man/*',
    '/usr/share/doc/kde/HTML/*/*',
    '/usr/share/gnome/help/*/*',
    '/usr/share/omf/*/*-*.emf',
  ].map((pattern): PathRule => ({ kind: 'exclude', pattern })),
  ...[
    '/usr/share/doc/*/copyright',
    '/usr/share/doc/kde/HTML/C/*',
    '/usr/share/gnome/help/*/C/*',
    '/usr/share/locale/all_languages',
    '/usr/share/locale/currency/*',
    '/usr/share/locale/l10n/*',
    '/usr/share/locale/languages',
    '/usr/share/locale/locale.alias',
    '/usr/share/omf/*/*-C.emf',
  ].map((pattern): PathRule => ({ kind: 'include', pattern })),
];

/** The rules as lines of dpkg's configuration. */
export function formatPathRules(rules: readonly PathRule[]): string {
  return rules.map((rule) => `path-${rule.kind} ${rule.pattern}\n`).join('');
}
