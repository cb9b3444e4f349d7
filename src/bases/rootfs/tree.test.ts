import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainInode, Tree } from './tree.ts';

function treeOf(...entries: readonly (readonly [string, string])[]): Tree {
  const tree = new Tree(plainInode('directory', 0o755, 0n));
  for (const [path, target] of entries) {
    tree.makeParents(path, 0n);
    if (target === 'dir') tree.set(path, plainInode('directory', 0o755, 0n));
    else if (target === 'file') tree.set(path, plainInode('file', 0o644, 0n));
    else tree.set(path, { ...plainInode('symlink', 0o777, 0n), linkTarget: target });
  }
  return tree;
}

test('Tree.resolve() follows links in folders, and the last one only when told so', () => {
  const tree = treeOf(
    ['bin', 'usr/bin'],
    ['usr/bin', 'dir'],
    ['usr/bin/sh', 'dash'],
    ['a/up', '../bin'],
    ['abs', '/usr/bin'],
  );
  const resolve = (path: string, followLast = false): string => tree.resolve(path, { followLast });
  assert.equal(resolve('bin/new'), 'usr/bin/new');
  assert.equal(resolve('bin'), 'bin');
  assert.equal(resolve('bin', true), 'usr/bin');
  assert.equal(resolve('a/up/sh'), 'usr/bin/sh');
  assert.equal(resolve('a/up/sh', true), 'usr/bin/dash');
  assert.equal(resolve('abs/x'), 'usr/bin/x');
});

test('Tree.resolve() never leaves the tree', () => {
  const tree = treeOf(['out', '../../../etc'], ['deep/out', '/../../x']);
  assert.equal(tree.resolve('out/passwd', { followLast: true }), 'etc/passwd');
  assert.equal(tree.resolve('deep/out', { followLast: true }), 'x');
});

test('Tree.resolve() refuses links that go in circles and files as folders', () => {
  const tree = treeOf(['a', 'b'], ['b', 'a'], ['f', 'file']);
  for (const path of ['a/x', 'f/x'])
    assert.throws(() => tree.resolve(path, { followLast: false }), { code: 'TREE_PATH' });
});

test('Tree.set() replaces a folder with its content, and Tree.delete() removes it', () => {
  const tree = treeOf(['d/e/f', 'file'], ['d2/f', 'file'], ['other', 'file']);
  tree.set('d', plainInode('file', 0o644, 0n));
  tree.delete('d2');
  assert.deepEqual([...tree.entries()].map(([path]) => path).toSorted(), ['', 'd', 'other']);
});
