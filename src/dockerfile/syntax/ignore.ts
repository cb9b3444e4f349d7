import { posix } from 'node:path';
import { compileGlob, fromText, isShaleError, ShaleError, type ByteString } from '../../base/index.ts';
import { trimSpace } from './characters.ts';
import { compileIgnorePattern, type IgnorePattern } from './ignore-pattern.ts';

/** What is known of a directory: whether it is left out, and which patterns have matched it or a parent. */
export interface IgnoreScope {
  readonly ignored: boolean;
  readonly matched: readonly boolean[];
}

/**
 * Decides which paths of a tree a list of patterns leaves out. Paths are relative, with single slashes; each is asked
 * with the scope of its directory, so that a walk never looks at a parent twice. The last pattern that matches a path
 * or a parent of it decides (moby/patternmatcher, as BuildKit walks a context with it).
 */
export interface IgnoreMatcher {
  /** The scope of the root, which is never left out itself. */
  readonly root: IgnoreScope;
  isIgnored(path: ByteString, parent: IgnoreScope): boolean;
  /** The scope of the directory `path`. */
  enter(path: ByteString, parent: IgnoreScope): IgnoreScope;
  /** True when a directory with this scope need not be read: nothing below it can be taken in again. */
  canSkip(path: ByteString, scope: IgnoreScope): boolean;
  /** A path on its own; its parents are looked at first. */
  matches(path: ByteString): boolean;
}

/**
 * The patterns of an ignore file: without comments, blank lines, a BOM, white space around, a leading `/` or `./`.
 */
export function parseIgnoreFile(text: string): string[] {
  const patterns: string[] = [];
  for (const line of text.replace(/^\ufeff/, '').split('\n')) {
    if (line.startsWith('#')) continue;
    const pattern = trimSpace(line);
    if (pattern === '') continue;
    const isException = pattern.startsWith('!');
    const bare = isException ? trimSpace(pattern.slice(1)) : pattern;
    const clean = bare === '' ? '' : cleanPath(bare);
    const relative = clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
    patterns.push(isException ? `!${relative}` : relative);
  }
  return patterns;
}

/** The shortest form of a path without looking at a disk: Go's filepath.Clean. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

/**
 * Compiles the patterns of an ignore file or of `--exclude`.
 * @throws IGNORE_PATTERN_INVALID
 */
export function compileIgnore(patterns: readonly string[]): IgnoreMatcher {
  const compiled = patterns
    .map(trimSpace)
    .filter((pattern) => pattern !== '')
    .map(compileOne);
  return new Matcher(compiled);
}

function compileOne(text: string): IgnorePattern {
  const clean = cleanPath(text);
  const isException = clean.startsWith('!');
  const pattern = fromText(isException ? clean.slice(1) : clean);
  if (pattern === '') throw invalid(text);
  try {
    compileGlob(pattern);
  } catch (error) {
    if (isShaleError(error, 'GLOB_INVALID')) throw invalid(text);
    throw error;
  }
  return compileIgnorePattern(pattern, isException);
}

function invalid(text: string): ShaleError {
  return new ShaleError('IGNORE_PATTERN_INVALID', `${JSON.stringify(text)} is not a valid ignore pattern`, {
    data: { pattern: text },
  });
}

const ROOT: IgnoreScope = { ignored: false, matched: [] };

class Matcher implements IgnoreMatcher {
  readonly root: IgnoreScope = ROOT;
  readonly #patterns: readonly IgnorePattern[];
  readonly #exceptions: readonly IgnorePattern[];

  constructor(patterns: readonly IgnorePattern[]) {
    this.#patterns = patterns;
    this.#exceptions = patterns.filter((pattern) => pattern.isException);
  }

  isIgnored(path: ByteString, parent: IgnoreScope): boolean {
    let ignored = false;
    for (let i = 0; i < this.#patterns.length; i++) {
      const pattern = this.#patterns[i];
      if (pattern === undefined || pattern.isException !== ignored) continue;
      if (parent.matched[i] === true || pattern.matches(path)) ignored = !pattern.isException;
    }
    return ignored;
  }

  enter(path: ByteString, parent: IgnoreScope): IgnoreScope {
    let ignored = false;
    const matched = this.#patterns.map((pattern, i) => {
      const known = parent.matched[i] === true;
      // A pattern that cannot change the answer here is not asked, and does not count as matched for what is below.
      if (!known && pattern.isException !== ignored) return false;
      const isMatch = known || pattern.matches(path);
      if (isMatch) ignored = !pattern.isException;
      return isMatch;
    });
    return { ignored, matched };
  }

  canSkip(path: ByteString, scope: IgnoreScope): boolean {
    if (!scope.ignored) return false;
    const below = `${path}/`;
    return !this.#exceptions.some(({ prefix }) => prefix.startsWith(below) || below.startsWith(prefix));
  }

  matches(path: ByteString): boolean {
    let scope = this.root;
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      scope = this.enter(path.slice(0, slash), scope);
    }
    return this.isIgnored(path, scope);
  }
}
