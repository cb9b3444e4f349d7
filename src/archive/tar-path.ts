import type { ByteString } from '../base/index.ts';
import { COMPONENT_BYTES_MAX, PATH_BYTES_MAX, PATH_DEPTH_MAX } from './limits.ts';
import type { TarFail } from './tar-errors.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The clean form of a name in a tar: components joined by `/`, taken from the root; empty for the root itself.
 * `..` is resolved by the letters alone, as docker does; a name that leaves the root, is empty or breaks a limit
 * fails with TAR_PATH.
 */
export function cleanPath(raw: ByteString, what: string, fail: TarFail): ByteString {
  if (raw === '') return fail('TAR_PATH', `${what} is empty`);
  const trimmed = trimSlashes(raw);
  const clean = isClean(trimmed) ? trimmed : normalise(trimmed, what, fail);
  if (clean.length > PATH_BYTES_MAX) {
    return fail('TAR_PATH', `${what} has ${clean.length} bytes, more than ${PATH_BYTES_MAX} (ENAMETOOLONG)`);
  }
  return clean;
}

/**
 * Fails for names that mean nothing as a whiteout: `.wh.` alone, and those that would remove `.` or `..`.
 * image-spec layer.md, "Whiteouts".
 */
export function checkWhiteoutName(path: ByteString, fail: TarFail): void {
  if (!path.includes('.wh.')) return;
  for (const name of path.split('/')) {
    if (name === '.wh.' || name === '.wh..' || name === '.wh...') {
      fail('TAR_PATH', `${JSON.stringify(name)} is not a valid whiteout name`);
    }
  }
}

function trimSlashes(raw: ByteString): ByteString {
  let start = 0;
  let end = raw.length;
  while (end > 0 && raw.charCodeAt(end - 1) === SLASH) end--;
  while (start < end) {
    const code = raw.charCodeAt(start);
    if (code === SLASH) start++;
    else if (code === DOT && (start + 1 === end || raw.charCodeAt(start + 1) === SLASH)) start++;
    else break;
  }
  return start === 0 && end === raw.length ? raw : raw.slice(start, end);
}

function isClean(path: ByteString): boolean {
  let start = 0;
  let depth = 0;
  for (let i = 0; i <= path.length; i++) {
    if (i !== path.length && path.charCodeAt(i) !== SLASH) continue;
    const length = i - start;
    if (length === 0 ? path.length > 0 : length > COMPONENT_BYTES_MAX || isDots(path, start, length)) return false;
    start = i + 1;
    depth++;
  }
  return depth <= PATH_DEPTH_MAX;
}

function isDots(path: ByteString, start: number, length: number): boolean {
  return length <= 2 && path.charCodeAt(start) === DOT && (length === 1 || path.charCodeAt(start + 1) === DOT);
}

function normalise(path: ByteString, what: string, fail: TarFail): ByteString {
  const kept: ByteString[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (kept.pop() === undefined) return fail('TAR_PATH', `${what} leaves the root through ".."`);
      continue;
    }
    if (name.length > COMPONENT_BYTES_MAX) {
      return fail(
        'TAR_PATH',
        `${what} has a component of ${name.length} bytes, more than ${COMPONENT_BYTES_MAX} (ENAMETOOLONG)`,
      );
    }
    kept.push(name);
  }
  if (kept.length > PATH_DEPTH_MAX) {
    return fail('TAR_PATH', `${what} has ${kept.length} components, more than ${PATH_DEPTH_MAX} (ENAMETOOLONG)`);
  }
  return kept.join('/');
}
