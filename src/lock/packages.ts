/** A package that an address names. */
export interface NamedPackage {
  /** `ECOSYSTEM:NAME`. */
  readonly package: string;
  readonly version: string;
  readonly architecture?: string;
}

interface Pattern {
  readonly ecosystem: string;
  /** Over the decoded path, with groups `name`, `version` and perhaps `architecture`. */
  readonly path: RegExp;
  /** Who asks, where the path alone could be anything. */
  readonly agent?: RegExp;
}

/** The ways in which package managers name their files; the first that fits counts. */
const PATTERNS: readonly Pattern[] = [
  // Debian policy 5.6.1: names have no underscore. A colon in the version is escaped twice by some mirrors.
  { ecosystem: 'apt', path: /\/(?<name>[a-z0-9][a-z0-9+.-]+)_(?<version>[^_/]+)_(?<architecture>[a-z0-9-]+)\.u?deb$/ },
  // apk-tools: the version ends in -rN.
  {
    ecosystem: 'apk',
    path: /\/(?<architecture>[a-z0-9_]+)\/(?<name>[A-Za-z0-9._+-]+?)-(?<version>\d[^/-]*-r\d+)\.apk$/,
  },
  {
    ecosystem: 'npm',
    path: /\/(?<name>(?:@[^/]+\/)?[^/@]+)\/-\/(?:@[^/]+\/)?[^/]+?-(?<version>\d+\.\d+\.\d+[^/]*)\.tgz$/,
  },
  // PEP 427: name, version, perhaps a build number, then the three tags.
  {
    ecosystem: 'pip',
    path: /\/(?<name>[A-Za-z0-9_.]+)-(?<version>[^-/]+)(?:-\d[^-/]*)?-[^-/]+-[^-/]+-(?<architecture>[^-/]+)\.whl$/,
  },
  // PEP 625; older ones have dashes in their names.
  {
    ecosystem: 'pip',
    path: /\/(?<name>[A-Za-z0-9][A-Za-z0-9._-]*?)-(?<version>\d[^-/]*)\.(?:tar\.gz|tar\.bz2|zip)$/,
    agent: /^(?:pip|uv|poetry|python-requests|pdm)\b/i,
  },
  {
    ecosystem: 'gem',
    path: /\/gems\/(?<name>[A-Za-z0-9._-]+?)-(?<version>\d[^-/]*)(?:-(?<architecture>[^/]+))?\.gem$/,
  },
  { ecosystem: 'cargo', path: /\/crates\/(?<name>[A-Za-z0-9_-]+)\/(?<version>\d[^/]*)\/download$/ },
  { ecosystem: 'cargo', path: /\/(?<name>[A-Za-z0-9_-]+?)-(?<version>\d+\.\d+\.\d+[^/]*)\.crate$/ },
  // go.dev/ref/mod, "GOPROXY protocol": the path after the host is the module's.
  { ecosystem: 'go', path: /^\/(?<name>.+)\/@v\/(?<version>v[^/]+)\.zip$/ },
  { ecosystem: 'rpm', path: /\/(?<name>[^/]+)-(?<version>[^-/]+-[^-/]+)\.(?<architecture>[a-z0-9_]+)\.rpm$/ },
];

/** The package that a request is for; undefined for indexes, metadata and everything else. */
export function packageOf(url: string, userAgent: string | undefined): NamedPackage | undefined {
  const path = decodedPath(url);
  for (const pattern of PATTERNS) {
    if (pattern.agent !== undefined && !pattern.agent.test(userAgent ?? '')) continue;
    const groups = pattern.path.exec(path)?.groups;
    const { name, version, architecture } = groups ?? {};
    if (name === undefined || version === undefined) continue;
    return {
      package: `${pattern.ecosystem}:${pattern.ecosystem === 'pip' ? normalName(name) : name}`,
      version,
      ...(architecture !== undefined && { architecture }),
    };
  }
  return undefined;
}

/** PEP 503: one name for all spellings. */
function normalName(name: string): string {
  return name.replaceAll(/[-_.]+/g, '-').toLowerCase();
}

function decodedPath(url: string): string {
  const path = URL.parse(url)?.pathname ?? '';
  try {
    return decodeURIComponent(decodeURIComponent(path));
  } catch {
    return path;
  }
}
