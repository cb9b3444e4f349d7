import type { ByteString } from '../../base/index.ts';
import type { Exploration, TreeEntry, TreeScope } from '../../explore/index.ts';

/**
 * `list` that asks once for each directory as long as the scope stays the same: sorting, hiding and filtering go through
 * all that is open. What is kept is little more than what the rows of the tree hold anyway.
 */
export function keptListing(image: Pick<Exploration, 'list'>): Exploration['list'] {
  let kept: { readonly scope: TreeScope; readonly lists: Map<ByteString, readonly TreeEntry[]> } | undefined;
  return (scope, path) => {
    if (kept?.scope.from !== scope.from || kept.scope.to !== scope.to) kept = { scope, lists: new Map() };
    const known = kept.lists.get(path) ?? image.list(scope, path);
    kept.lists.set(path, known);
    return known;
  };
}
