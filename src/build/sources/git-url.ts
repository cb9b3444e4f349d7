import { ShaleError } from '../../base/index.ts';
import { shownUrl } from './url-text.ts';

/** What a git address asks for: a repository, a commit of it, and what of that commit. */
export interface GitReference {
  /** As git takes it, without fragment and query. May hold a user and password. */
  readonly remote: string;
  /** The same as it may be shown and kept. */
  readonly shown: string;
  /** Where credentials are for; undefined for ssh. */
  readonly webHost: string | undefined;
  readonly isSsh: boolean;
  /** A branch, tag, whole name of a ref, or commit in full; '' is the default branch. */
  readonly ref: string;
  /** Clean and relative; '' is everything. */
  readonly subdir: string;
  /** The commit, or its beginning. */
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean;
  /** `commit`: files have the time of the commit. */
  readonly mtime: 'checkout' | 'commit';
  /** The checksum is fetched without asking where the ref stands. */
  readonly fetchByCommit: boolean;
}

const SCHEME = /^([a-zA-Z0-9]+):\/\//;
const SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'ssh', 'git']);
/** user@host:path, as scp writes it, with query and fragment. */
const SCP = /^([a-zA-Z0-9_][a-zA-Z0-9_-]*)@([a-zA-Z0-9][a-zA-Z0-9.-]*):([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** True for the hash of a commit in full, sha1 or sha256. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/**
 * True when a build context is a git repository, as docker decides: by scheme, `.git` at the end of an http path,
 * `user@host:path`, or `github.com/…`.
 */
export function isGitAddress(text: string): boolean {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'ssh' || scheme === 'git') return true;
  if (scheme === 'http' || scheme === 'https') return text.replace(/[?#].*$/s, '').endsWith('.git');
  return scheme === undefined && (text.startsWith('github.com/') || SCP.test(text));
}

/**
 * Reads an address with `#ref:subdir` or a query (`ref`, `tag`, `branch`, `commit` or `checksum`, `subdir`,
 * `keep-git-dir`, `submodules`, `mtime`, `fetch-by-commit`). Nothing that it gives can be taken for an option of git or
 * ssh, or for a way out of the repository.
 * @throws GIT_ADDRESS for what is none, with what is wrong with it
 */
export function parseGitReference(text: string): GitReference {
  const place = placeOf(text);
  const [fragmentRef = '', ...subdirParts] = place.fragment.split(':');
  const query = readQuery(place.query, place.shown);
  const asked = refOf(query, place.shown);
  if (fragmentRef !== '' && asked !== '' && fragmentRef !== asked)
    throw invalid(place.shown, `it names the refs ${fragmentRef} and ${asked}`);
  const ref = checkRef(asked === '' ? fragmentRef : asked, place.shown);
  const fragmentDir = cleanSubdir(subdirParts.join(':'), place.shown);
  const queryDir = cleanSubdir(query.get('subdir') ?? '', place.shown);
  if (fragmentDir !== '' && queryDir !== '' && fragmentDir !== queryDir)
    throw invalid(place.shown, `it names the folders ${fragmentDir} and ${queryDir}`);
  const checksum = query.get('checksum') ?? query.get('commit');
  if (checksum !== undefined) checkCommitPrefix(checksum, place.shown);
  const mtime = query.get('mtime') ?? 'checkout';
  if (mtime !== 'checkout' && mtime !== 'commit') throw invalid(place.shown, 'mtime is "checkout" or "commit"');
  return {
    remote: place.remote,
    shown: place.shown,
    webHost: place.webHost,
    isSsh: place.isSsh,
    ref,
    subdir: fragmentDir === '' ? queryDir : fragmentDir,
    checksum,
    keepGitDir: flag(query, 'keep-git-dir', place.shown),
    submodules: flag(query, 'submodules', place.shown) ?? true,
    mtime,
    fetchByCommit: flag(query, 'fetch-by-commit', place.shown) ?? false,
  };
}

/** @throws GIT_ADDRESS when it is no beginning of a commit's hash */
export function checkCommitPrefix(checksum: string, shown: string): void {
  if (!/^[0-9a-f]{1,64}$/.test(checksum)) throw invalid(shown, `${JSON.stringify(checksum)} is no hash of a commit`);
}

interface Place {
  readonly remote: string;
  readonly shown: string;
  readonly webHost: string | undefined;
  readonly isSsh: boolean;
  readonly query: string;
  readonly fragment: string;
}

function placeOf(text: string): Place {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined && !text.startsWith('github.com/')) return scpPlace(text);
  const url = URL.parse(scheme === undefined ? `https://${text}` : text);
  const shown = shownUrl(text);
  if (url === null) throw invalid(shown, 'it is no address');
  const name = url.protocol.slice(0, -1);
  if (!SCHEMES.has(name)) throw invalid(shown, `${name} is not a way to fetch repositories that is allowed`);
  // A host or user that begins with a dash is an option for ssh (CVE-2017-1000117).
  if (decoded(url.hostname).startsWith('-') || decoded(url.username).startsWith('-') || url.hostname === '')
    throw invalid(shown, 'it names no host');
  const path = decoded(url.pathname);
  if (/^\/*-/.test(path) || /[\0-\x1f\x7f]/.test(path)) throw invalid(shown, 'its path is none of a repository');
  const fragment = decoded(url.hash.slice(1));
  const query = url.search.slice(1);
  url.hash = '';
  url.search = '';
  const isWeb = name === 'http' || name === 'https';
  return {
    remote: url.href,
    shown: shownUrl(url.href),
    webHost: isWeb ? url.host : undefined,
    isSsh: name === 'ssh',
    query,
    fragment,
  };
}

function scpPlace(text: string): Place {
  const match = SCP.exec(text);
  const [, user = '', host = '', path = '', query = '', fragment = ''] = match ?? [];
  const remote = `${user}@${host}:${path}`;
  if (match === null || path === '' || path.startsWith('-') || /[\0-\x1f\x7f]/.test(path))
    throw invalid(match === null ? text : remote, 'it is no address of a repository');
  return { remote, shown: remote, webHost: undefined, isSsh: true, query, fragment: decoded(fragment) };
}

const FLAGS: ReadonlySet<string> = new Set(['keep-git-dir', 'submodules', 'fetch-by-commit']);
const TEXTS: ReadonlySet<string> = new Set(['ref', 'tag', 'branch', 'commit', 'checksum', 'subdir', 'mtime']);

function readQuery(query: string, shown: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!FLAGS.has(name) && !TEXTS.has(name)) throw invalid(shown, `its query has an unknown ${JSON.stringify(name)}`);
    if (values.has(name)) throw invalid(shown, `its query has ${name} twice`);
    if (value === '' && !FLAGS.has(name)) throw invalid(shown, `its query has no value for ${name}`);
    values.set(name, value);
  }
  return values;
}

/** `tag` and `branch` are refs of their kind; two of them must mean the same. */
function refOf(query: ReadonlyMap<string, string>, shown: string): string {
  const prefixed = (name: string, prefix: string): string | undefined => {
    const value = query.get(name);
    return value === undefined || value.startsWith(prefix) ? value : prefix + checkRef(value, shown);
  };
  const all = [query.get('ref'), prefixed('tag', 'refs/tags/'), prefixed('branch', 'refs/heads/')];
  const refs = new Set(all.filter((ref) => ref !== undefined));
  if (refs.size > 1) throw invalid(shown, `it names the refs ${[...refs].join(' and ')}`);
  return [...refs][0] ?? '';
}

/** As git-check-ref-format(1), and nothing that looks like an option or a pattern. */
function checkRef(ref: string, shown: string): string {
  const isBad =
    /^[-/.]|[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|[/.]$|\.lock(?:\/|$)/.test(ref) || ref === '@' || ref.length > 255;
  if (isBad) throw invalid(shown, `${JSON.stringify(ref)} is no name of a branch, tag or commit`);
  return ref;
}

function cleanSubdir(text: string, shown: string): string {
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '..' || part.toLowerCase() === '.git' || part.includes('\0')))
    throw invalid(shown, `${JSON.stringify(text)} is no folder of a repository`);
  return parts.join('/');
}

function flag(query: ReadonlyMap<string, string>, name: string, shown: string): boolean | undefined {
  const value = query.get(name);
  if (value === undefined) return undefined;
  if (value === '' || /^(?:1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw invalid(shown, `${name} is true or false`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function invalid(shown: string, why: string): ShaleError {
  return new ShaleError('GIT_ADDRESS', `cannot read the git address ${shown}: ${why}`, { data: { address: shown } });
}
