import { fromText, globComponents, type ByteString, type GlobComponent } from '../../base/index.ts';
import { compileIgnore } from '../../dockerfile/index.ts';
import type { ExcludeFilter } from './plan.ts';

/** What --exclude leaves out; undefined when there is none. */
export function excludeFilter(patterns: readonly string[]): ExcludeFilter | undefined {
  if (patterns.length === 0) return undefined;
  const matcher = compileIgnore(patterns);
  const hasExceptions = patterns.some((pattern) => pattern.startsWith('!'));
  return { isExcluded: (path) => matcher.matches(path), mayTakeBelow: () => hasExceptions };
}

/**
 * What --parents leaves out: all that neither matches its pattern nor is below what does. Directories on the way come along
 * when something in them is taken. An empty pattern takes everything.
 */
export function parentsFilter(pattern: string, excludes: ExcludeFilter | undefined): ExcludeFilter | undefined {
  if (pattern === '') return excludes;
  const matcher = compileIgnore([pattern]);
  const components = globComponents(fromText(pattern));
  return {
    isExcluded: (path) => !matcher.matches(path) || excludes?.isExcluded(path) === true,
    mayTakeBelow: (path) =>
      (leadsTo(components, path) || matcher.matches(path)) &&
      (excludes?.isExcluded(path) !== true || excludes.mayTakeBelow(path)),
  };
}

/** True when something below a directory may match: no other directory need be read. */
function leadsTo(components: readonly GlobComponent[], path: ByteString): boolean {
  const names = path.split('/');
  for (const [i, name] of names.entries()) {
    const component = components[i];
    if (component === undefined) return false;
    if (component.pattern.includes('**')) return true;
    if (!component.matches(name)) return false;
  }
  return true;
}
