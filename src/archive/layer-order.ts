import type { ByteString } from '../base/index.ts';

const SLASH = 0x2f;
const WHITEOUT_PREFIX = '.wh.';

/**
 * The order of entries in a layer that shale writes: a folder before what is in it, and in each folder whiteouts
 * first, then names by their bytes. Paths are clean; they are compared component by component, so that `a/b` comes
 * before `a-b`.
 */
export function compareLayerPaths(a: ByteString, b: ByteString): number {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  let i = 0;
  for (; i < shorter; i++) {
    const code = a.charCodeAt(i);
    if (code !== b.charCodeAt(i)) break;
    if (code === SLASH) start = i + 1;
  }
  if (i === a.length && i === b.length) return 0;
  // The root is in front of everything.
  if (a === '') return -1;
  if (b === '') return 1;
  const aIsWhiteout = a.startsWith(WHITEOUT_PREFIX, start);
  if (aIsWhiteout !== b.startsWith(WHITEOUT_PREFIX, start)) return aIsWhiteout ? -1 : 1;
  return rankAt(a, i) - rankAt(b, i);
}

/** The end of the path sorts first, then the end of the component, then the bytes. */
function rankAt(path: ByteString, at: number): number {
  if (at === path.length) return -2;
  const code = path.charCodeAt(at);
  return code === SLASH ? -1 : code;
}
