import { fromText, globComponents, type ByteString, type GlobComponent } from '../../base/index.ts';
import { compileIgnore } from '../../dockerfile/index.ts';
import { EMPTY_DIRECTORY } from './inline-source.ts';
import { childPath, type SourceNode } from './source-tree.ts';

/**
 * Tells which paths below a copied directory stay out (--exclude, and with --parents all that was not named); paths are
 * relative to what the source named.
 */
export interface ExcludeFilter {
  isExcluded(path: ByteString): boolean;
  /** True when something below an excluded directory may be taken after all. */
  mayTakeBelow(path: ByteString): boolean;
}

/** What a filter leaves of a directory; of one that is left out, what may be taken after all, with the way there. */
export function withoutExcluded(node: SourceNode, filter: ExcludeFilter | undefined): SourceNode {
  return filter === undefined || node.kind !== 'directory' ? node : filtered(node, filter, '', false);
}

function filtered(node: SourceNode, filter: ExcludeFilter, path: ByteString, isPassage: boolean): SourceNode {
  const { mode, uid, gid, mtimeNs } = node;
  const visible = (name: ByteString, child: SourceNode | undefined): SourceNode | undefined =>
    child && visibleChild(child, filter, childPath(path, name));
  return {
    ...EMPTY_DIRECTORY,
    mode,
    uid,
    gid,
    mtimeNs,
    isPassage,
    xattrs: () => node.xattrs(),
    child: (name) => visible(name, node.child(name)),
    *children() {
      for (const [name, child] of node.children()) {
        const shown = visible(name, child);
        if (shown !== undefined) yield [name, shown];
      }
    },
  };
}

function visibleChild(child: SourceNode, filter: ExcludeFilter, path: ByteString): SourceNode | undefined {
  const isExcluded = filter.isExcluded(path);
  if (child.kind !== 'directory') return isExcluded ? undefined : child;
  if (!isExcluded) return filtered(child, filter, path, false);
  if (!filter.mayTakeBelow(path)) return undefined;
  const passage = filtered(child, filter, path, true);
  for (const _one of passage.children()) return passage;
  return undefined;
}

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
