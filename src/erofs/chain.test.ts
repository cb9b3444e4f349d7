import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ReadTarEntry } from '../archive/index.ts';
import { layerStack } from '../../tests/support/layer-stacks.ts';
import { dir, file, indexOf, laidOut, symlink } from '../../tests/support/tar-entries.ts';
import { outline, walk } from '../../tests/support/tree-text.ts';
import {
  IndexBuilder,
  buildFixUp,
  lowestVisible,
  mergeIndexes,
  openIndex,
  type FixUp,
  type LayerIndex,
  type ViewNode,
} from './index.ts';
import { MergedView } from './view.ts';

const indexes = (...layers: readonly ReadTarEntry[][]) => layers.map((entries) => indexOf(entries));

function opened(fixUp: FixUp | undefined): LayerIndex {
  assert.ok(fixUp, 'a fix-up is needed');
  return openIndex(fixUp.image, fixUp.contents);
}

describe('buildFixUp()', () => {
  it('is not needed where every directory is described, nor for one layer', () => {
    assert.equal(buildFixUp(indexes([file('a/b/c')])), undefined);
    assert.equal(buildFixUp(indexes([file('a/b/c')], [dir(''), dir('a'), dir('a/b'), file('a/b/d')])), undefined);
    assert.equal(buildFixUp([]), undefined);
  });

  it('is not needed where implied directories are implied below too', () => {
    assert.equal(buildFixUp(indexes([file('a/b/c')], [file('a/b/d')])), undefined);
  });

  it('restores the attributes of directories that the topmost layer only implies', () => {
    const xattrs = new Map([['user.x', Buffer.from('1')]]);
    const stack = indexes(
      [dir('a', { uid: 7 }), dir('a/b', { mode: 0o1777, mtimeNs: 5n, xattrs }), file('a/b/c')],
      [file('a/b/d')],
    );
    const fixUp = buildFixUp(stack);
    assert.deepEqual(fixUp?.devices, []);
    const index = opened(fixUp);
    assert.deepEqual(outline(index.root), ['a directory', 'a/b directory']);
    const node = index.find('a/b');
    assert.deepEqual([node?.mode, node?.mtimeNs, node?.xattrs(), index.find('a')?.uid], [0o1777, 5n, xattrs, 7]);
  });

  it('F-036: moves entries through links of lower layers, with the tars that hold their content', () => {
    const lower = laidOut([
      dir('run'),
      dir('var', { uid: 2 }),
      symlink('var/run', '/run'),
      file('run/gone'),
      file('run/x'),
    ]).entries;
    const upper = laidOut([file('var/run/x', { sizeBytes: 3 }), file('var/run/.wh.gone')]).entries;
    const stack = indexes(lower, [file('other')], upper);
    const fixUp = buildFixUp(stack);
    assert.deepEqual(fixUp?.devices, [{ layer: 2, source: 'tar' }]);
    const index = opened(fixUp);
    assert.deepEqual(outline(index.root), [
      'run directory',
      'run/gone whiteout',
      'run/x file',
      'var directory',
      'var/run symlink -> /run',
    ]);
    assert.deepEqual(index.find('run/x')?.data(), { source: 'tar', offset: 512, device: 1 });
    assert.equal(index.find('var')?.uid, 2);
  });

  it('points into the expanded data of several layers', () => {
    const sparse = (path: string) => ({
      ...file(path, { sizeBytes: 9000 }),
      storedBytes: 1,
      sparse: [{ offset: 8, lengthBytes: 1 }],
    });
    const stack = indexes(
      [dir('t'), symlink('l', 't')],
      [sparse('l/a'), file('l/b', { sizeBytes: 1 })],
      [sparse('l/c')],
    );
    const fixUp = buildFixUp(stack);
    assert.deepEqual(fixUp?.devices, [
      { layer: 1, source: 'tar' },
      { layer: 1, source: 'expanded' },
      { layer: 2, source: 'expanded' },
    ]);
    assert.equal(opened(fixUp).find('t/c')?.data().device, 3);
  });

  it('depends on nothing but the indexes', () => {
    const stack = indexes([dir('a', { uid: 1 })], [file('a/x'), file('a/y')]);
    assert.deepEqual(buildFixUp(stack), buildFixUp(stack));
  });

  it('makes overlayfs show what the view shows, for any stack', () => {
    let needed = 0;
    fc.assert(
      fc.property(layerStack, (stack) => {
        const opens = buildable(stack);
        if (opens === undefined) return;
        const fixUp = buildFixUp(opens);
        if (fixUp !== undefined) needed++;
        const roots = opens.map((index) => index.root);
        if (fixUp !== undefined) roots.push(openIndex(fixUp.image).root);
        const mounted = new MergedView(roots, 'overlay');
        assert.deepEqual(
          lines(mounted.root, opens.length, fixUp),
          lines(mergeIndexes(opens).root, opens.length, fixUp),
        );
      }),
      { numRuns: 1_500 },
    );
    assert.ok(needed > 100, `${needed} stacks needed a fix-up`);
  });
});

describe('lowestVisible()', () => {
  it('is the topmost layer with an opaque root', () => {
    const opaque = [file('.wh..wh..opq')];
    assert.equal(lowestVisible(indexes([file('a')], opaque, [file('b')], opaque, [file('c')])), 3);
    assert.equal(lowestVisible(indexes([file('a')], [file('b')])), 0);
    assert.equal(lowestVisible([]), 0);
  });
});

/** The indexes of a stack; undefined when one of its layers is refused. */
function buildable(stack: readonly (readonly ReadTarEntry[])[]): LayerIndex[] | undefined {
  try {
    return stack.map((entries) => {
      const builder = new IndexBuilder();
      for (const each of entries) builder.add(each);
      return openIndex(builder.finish(1_000_000).image);
    });
  } catch {
    return undefined;
  }
}

/** Structure, attributes and content, with the content of a fix-up's files told by the layer that holds it. */
function lines(root: ViewNode, layers: number, fixUp: FixUp | undefined): string[] {
  const found: string[] = [];
  walk(root, (path, node) => {
    const { offset, device } = node.data();
    const holder = node.layer < layers ? node.layer : fixUp?.devices[device - 1]?.layer;
    const content = node.kind === 'file' && node.sizeBytes > 0 ? `${holder}:${offset}` : '';
    found.push([path, node.kind, node.mode.toString(8), node.uid, node.linkTarget(), content].join(' '));
  });
  return found;
}
