import type { Tree } from './tree.ts';

/**
 * Gives all folders one time: whether one shows that of its package or of the run depends on how the layers were mounted.
 */
export function setFolderTimes(tree: Tree, mtimeNs: bigint): void {
  for (const [path, inode] of tree.entries()) if (inode.kind === 'directory') tree.set(path, { ...inode, mtimeNs });
}
