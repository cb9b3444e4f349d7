import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Exploration } from '../explore/index.ts';
import { HOSTILE_NAME, pageExploration } from './page.fixture.ts';
import { pageTree, parseTreeName } from './page-tree.ts';
import type { PageTree } from './wire.ts';

/** `+/usr/bin/env 1000` for each entry. */
function shown(tree: PageTree): string[] {
  const open: string[] = [''];
  return tree.names.map((name, place) => {
    const depth = tree.depths[place] ?? 0;
    open[depth] = `${open[depth - 1]}/${name}`;
    return `${tree.states[place]}${open[depth]} ${tree.sizes[place]}`;
  });
}

function treeOf(exploration: Exploration, name: string, max = 100): PageTree {
  return pageTree(exploration, parseTreeName(name, 3) ?? assert.fail(name), max);
}

describe('pageTree()', () => {
  const exploration = pageExploration();
  after(() => exploration[Symbol.asyncDispose]());

  test('pageTree() has all that a container sees, parents first', () => {
    assert.deepEqual(shown(treeOf(exploration, 'merged')), [
      '+/etc 27',
      '+/etc/hosts 20',
      '+/etc/ssl 7',
      '+/etc/ssl/cert 7',
      '+/srv 5085',
      `+/srv/${HOSTILE_NAME} 51`,
      '+/srv/app 5000',
      '+/srv/secret 34',
      '+/usr 40000',
      '+/usr/bin 40000',
      '+/usr/bin/env 40000',
    ]);
  });

  test('pageTree() of the changes of a layer has those and the way to them', () => {
    const added = treeOf(exploration, 'changes-1');
    assert.deepEqual(shown(added), ['~/etc 26', '~/etc/ssl 6', '~/etc/ssl/cert 6', '~/srv 5085', '+/srv/app 5000']);
    assert.equal(added.total.newBytes, 5006);
    assert.deepEqual(added.extras[2], { differs: ['content'] });
    assert.deepEqual(shown(treeOf(exploration, 'changes-2')).slice(3), [
      '~/usr 40000',
      '~/usr/bin 40000',
      '-/usr/bin/tiny 1',
    ]);
  });

  test('pageTree() of the state after a layer has what it left alone, too', () => {
    assert.ok(shown(treeOf(exploration, 'state-1')).includes('=/usr/bin/env 40000'));
  });

  test('pageTree() leaves small entries out and tells their sum', () => {
    const tree = treeOf(exploration, 'merged', 5);
    assert.deepEqual(shown(tree), [
      '+/srv 5085',
      '+/srv/app 5000',
      '+/usr 40000',
      '+/usr/bin 40000',
      '+/usr/bin/env 40000',
    ]);
    assert.deepEqual(tree.left, { [-1]: { files: 2, bytes: 27 }, 0: { files: 2, bytes: 85 } });
    assert.equal(tree.total.files, 6);
  });
});

test('parseTreeName() knows the layers of the image only', () => {
  assert.deepEqual(parseTreeName('state-1', 2), { scope: { from: 1, to: 1 }, whole: true });
  for (const name of ['', 'state', 'changes-2', 'changes--1', 'changes-1e3', 'changes-000000001', '../etc']) {
    assert.equal(parseTreeName(name, 2), undefined, name);
  }
});
