/** Where a source of ADD or COPY is: `files` are in the context or a stage. */
export type SourceKind = 'files' | 'http' | 'git';

const SCHEME = /^([a-zA-Z0-9]+):\/\//;
/** git@host:path, as scp writes it. */
const SCP_STYLE = /^[a-zA-Z0-9-_.]+@[a-zA-Z0-9-.]+:.*$/;

/** `github.com/…` without a scheme is a path; an http URL is a repository when its path ends in .git. */
export function sourceKind(text: string): SourceKind {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'ssh' || scheme === 'git') return 'git';
  if (scheme === 'http' || scheme === 'https') {
    const path = text.replace(/[?#].*$/s, '');
    if (path.endsWith('.git')) return 'git';
  }
  if (text.startsWith('http://') || text.startsWith('https://')) return 'http';
  if (scheme === undefined && !/^(?:\.{1,2}\/|github\.com\/)/.test(text) && SCP_STYLE.test(text)) return 'git';
  return 'files';
}

/** The name of the file that a URL gives: the last part of its path. */
export function urlFileName(url: string): string {
  if (!URL.canParse(url)) return '__unnamed__';
  const last = new URL(url).pathname.split('/').findLast((part) => part !== '') ?? '';
  return last === '' || last === '.' ? '__unnamed__' : decodeOrKeep(last);
}

function decodeOrKeep(text: string): string {
  try {
    const decoded = decodeURIComponent(text);
    return decoded.includes('/') || decoded.includes('\0') || decoded === '..' ? text : decoded;
  } catch {
    return text;
  }
}

/** True when the path has an unescaped wildcard. */
export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\./gs, ''));
}
