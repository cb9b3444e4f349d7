import type { ByteString } from '../base/index.ts';
import { refused } from './errors.ts';

const PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Names that AUFS keeps for itself at the top of a layer (`.wh..wh.plnk` holds the inodes of hard links). */
const META_PREFIX = '.wh..wh.';

/** What the last component of an entry's path means. image-spec layer.md, "Whiteouts". */
export type NameMeaning =
  | { readonly kind: 'plain' }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'whiteout'; readonly hides: ByteString };

const PLAIN: NameMeaning = { kind: 'plain' };

/**
 * Takes a name apart. The kind of the entry does not count: whatever is called `.wh.x` hides `x`, as with docker and
 * containerd.
 * @throws WHITEOUT_INVALID for `.wh.`, `.wh..` and `.wh...`, which name nothing, the folder itself and its parent.
 */
export function meaningOf(name: ByteString, path: ByteString): NameMeaning {
  if (!name.startsWith(PREFIX)) return PLAIN;
  if (name === OPAQUE) return { kind: 'opaque' };
  const hides = name.slice(PREFIX.length);
  if (hides === '' || hides === '.' || hides === '..')
    throw refused('WHITEOUT_INVALID', path, 'is a whiteout of nothing');
  return { kind: 'whiteout', hides };
}

/** True for entries that belong to AUFS, not to the image: they can be the target of hard links and nothing else. */
export function isAufsMetadata(path: ByteString): boolean {
  if (!path.startsWith(META_PREFIX)) return false;
  return path !== OPAQUE;
}
