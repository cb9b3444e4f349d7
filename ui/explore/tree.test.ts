import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PageTree } from '../../src/web/index.ts';
import { buildTree, findNodes, MapItem, nearestNode, pathOf, type TreeNode, visibleRows } from './tree.ts';

/** `etc/{hosts 5, ssl/cert 20}`, `usr/bin/env 100`, where `usr` has more than the page was given. */
const TREE: PageTree = {
  total: { files: 10, bytes: 525, newBytes: 125 },
  depths: [1, 2, 2, 3, 1, 2, 3],
  names: ['etc', 'hosts', 'ssl', 'cert', 'usr', 'bin', 'env'],
  kinds: 'dfdfddf',
  states: '~~~+===',
  sizes: [25, 5, 20, 20, 500, 100, 100],
  newBytes: [25, 5, 20, 20, 0, 0, 0],
  files: [2, 1, 1, 1, 8, 1, 1],
  layers: [1, 1, 1, 1, 0, 0, 0],
  modes: [0o755, 0o644, 0o755, 0o600, 0o755, 0o755, 0o755],
  owners: [0, 0, 0, 1, 0, 0, 0],
  ownerNames: ['0:0', '33:33'],
  extras: { 1: { differs: ['content'] } },
  left: { 4: { files: 7, bytes: 400 } },
};

const ALL: ReadonlySet<string> = new Set(['+', '~', '-', '=']);

function paths(nodes: Iterable<TreeNode>): string[] {
  return [...nodes].map(pathOf);
}

describe('buildTree()', () => {
  test('buildTree() puts entries below their directories', () => {
    const root = buildTree(TREE);
    assert.deepEqual(paths(root.children), ['etc', 'usr']);
    const cert = nearestNode(root, 'etc/ssl/cert');
    assert.deepEqual([pathOf(cert), cert.owner, cert.depth, cert.state], ['etc/ssl/cert', '33:33', 3, '+']);
  });

  test('nearestNode() ends at the last entry that is there', () => {
    const root = buildTree(TREE);
    assert.equal(pathOf(nearestNode(root, 'etc/ssl/private/key')), 'etc/ssl');
    assert.equal(nearestNode(root, ''), root);
  });
});

describe('visibleRows()', () => {
  test('visibleRows() shows what is open, by size or by name', () => {
    const root = buildTree(TREE);
    const measure = ({ bytes }: TreeNode): number => bytes;
    const expanded = new Set([nearestNode(root, 'etc')]);
    assert.deepEqual(paths(visibleRows(root, { expanded, order: 'size', measure })), [
      'usr',
      'etc',
      'etc/ssl',
      'etc/hosts',
    ]);
    assert.deepEqual(paths(visibleRows(root, { expanded, order: 'name', measure })), [
      'etc',
      'etc/hosts',
      'etc/ssl',
      'usr',
    ]);
  });

  test('visibleRows() shows what was found, with the directories above', () => {
    const root = buildTree(TREE);
    const matches = findNodes(root, { text: 'cert', states: ALL }, 100);
    const rows = visibleRows(root, { expanded: new Set(), order: 'name', measure: () => 0, matches });
    assert.deepEqual(paths(rows), ['etc', 'etc/ssl', 'etc/ssl/cert']);
  });
});

describe('findNodes()', () => {
  test('findNodes() goes by name, or by path where there is a slash', () => {
    const root = buildTree(TREE);
    assert.deepEqual(paths(findNodes(root, { text: 's', states: ALL }, 100)), ['etc/hosts', 'etc/ssl', 'usr']);
    assert.deepEqual(paths(findNodes(root, { text: '/usr/b', states: ALL }, 100)), ['usr/bin', 'usr/bin/env']);
    assert.deepEqual(paths(findNodes(root, { text: 's', states: ALL }, 1)), ['etc/hosts']);
  });

  test('findNodes() goes by what was changed, and leaves out directories that only lead there', () => {
    const root = buildTree(TREE);
    assert.deepEqual(paths(findNodes(root, { text: '', states: new Set(['~']) }, 100)), ['etc/hosts']);
    assert.deepEqual(paths(findNodes(root, { text: '', states: new Set(['+']) }, 100)), ['etc/ssl/cert']);
  });
});

test('MapItem has parts by size, and one for what the page was not given', () => {
  const usr = new MapItem(nearestNode(buildTree(TREE), 'usr'), ({ bytes }) => bytes);
  assert.deepEqual(
    usr.children.map(({ bytes, left }) => [bytes, left?.files]),
    [
      [400, 7],
      [100, undefined],
    ],
  );
  assert.deepEqual(usr.children[0]?.children, []);
});
