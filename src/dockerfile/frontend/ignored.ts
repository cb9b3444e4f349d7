import { compileIgnore } from '../syntax/ignore.ts';

/** Patterns that leave out everything. */
const EVERYTHING: readonly string[] = ['*', '**', '**/*'];

/**
 * Says which sources the patterns of an ignore file leave out for sure. With an exception among them nothing is sure: a
 * directory may be left out and a file in it taken.
 */
export function ignoredSources(patterns: readonly string[]): ((path: string) => boolean) | undefined {
  if (patterns.length === 0 || patterns.some((pattern) => pattern.startsWith('!'))) return undefined;
  const matcher = compileIgnore(patterns);
  const leavesNothing = patterns.some((pattern) => EVERYTHING.includes(pattern));
  return (path) => (path === '.' || path === '/' ? leavesNothing : matcher.matches(path));
}
