import { type ByteString, toBytes } from '../../base/index.ts';
import { contentBytes } from './layer-of-tree.ts';
import type { Tree } from './tree.ts';

const SECONDS_PER_DAY = 24 * 60 * 60;

/** Changes the text of a small file, where there is one; its attributes stay. */
export function rewriteFile(tree: Tree, path: ByteString, change: (text: ByteString) => ByteString): void {
  const inode = tree.find(path);
  if (inode?.content === undefined) return;
  const before = contentBytes(inode.content).toString('latin1');
  const after = change(before);
  if (after !== before) tree.set(path, { ...inode, content: { kind: 'memory', bytes: toBytes(after) } });
}

/** Takes today's date, which programs that add users put there, out of the password files. */
export function clampShadowFiles(tree: Tree, epochSeconds: number): void {
  const day = Math.floor(epochSeconds / SECONDS_PER_DAY);
  for (const path of ['etc/shadow', 'etc/shadow-']) rewriteFile(tree, path, (text) => clampShadow(text, day));
}

/** The third field is the day of the last change of a password (shadow(5)). */
function clampShadow(text: ByteString, day: number): ByteString {
  return text
    .split('\n')
    .map((line) => {
      const fields = line.split(':');
      if (Number(fields[2]) > day) fields[2] = String(day);
      return fields.join(':');
    })
    .join('\n');
}
