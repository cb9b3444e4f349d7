import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ReadTarEntry } from '../archive/index.ts';
import { isShaleError } from '../base/index.ts';
import { AppliedTree, NotApplicable, type AppliedNode } from '../../tests/support/applied-tree.ts';
import { layerStack } from '../../tests/support/layer-stacks.ts';
import { dir, file, hardlink, indexOf, symlink } from '../../tests/support/tar-entries.ts';
import { outline, walk } from '../../tests/support/tree-text.ts';
import { IndexBuilder, mergeIndexes, openIndex, type LayerIndex, type View } from './index.ts';

const view = (...layers: readonly ReadTarEntry[][]) => mergeIndexes(layers.map((entries) => indexOf(entries)));

/** Indexes of entries that already have their places. */
export function indexesOf(stack: readonly (readonly ReadTarEntry[])[]): LayerIndex[] {
  return stack.map((entries) => {
    const builder = new IndexBuilder();
    for (const each of entries) builder.add(each);
    return openIndex(builder.finish(1_000_000).image);
  });
}

describe('mergeIndexes()', () => {
  it('shows the topmost file, merges directories and tells the layer of each node', () => {
    const merged = view(
      [dir('d', { uid: 1 }), file('d/a', { sizeBytes: 1 }), file('d/b')],
      [dir('d', { uid: 2 }), file('d/a', { sizeBytes: 2 }), file('d/c')],
    );
    assert.deepEqual(outline(merged.root), ['d directory', 'd/a file', 'd/b file', 'd/c file']);
    assert.deepEqual([merged.find('d')?.uid, merged.find('d/a')?.sizeBytes], [2, 2]);
    assert.deepEqual([merged.find('d')?.layer, merged.find('d/a')?.layer, merged.find('d/b')?.layer], [1, 1, 0]);
  });

  it('hides what whiteouts and opaque directories hide', () => {
    const lower = [dir('d'), file('d/a'), file('d/b'), dir('e'), file('e/x'), file('f')];
    assert.deepEqual(outline(view(lower, [dir('d'), file('d/.wh.a'), file('.wh.e'), file('.wh.none')]).root), [
      'd directory',
      'd/b file',
      'f file',
    ]);
    assert.deepEqual(outline(view(lower, [dir('d'), file('d/.wh..wh..opq'), file('d/n')]).root), [
      'd directory',
      'd/n file',
      'e directory',
      'e/x file',
      'f file',
    ]);
    assert.deepEqual(outline(view(lower, [file('.wh..wh..opq'), file('n')]).root), ['n file']);
    assert.deepEqual(outline(view(lower, [file('.wh.e')], [dir('e')]).root).slice(3), ['e directory', 'f file']);
  });

  it('lets a file replace a directory and a directory a file', () => {
    assert.deepEqual(outline(view([dir('d'), file('d/a')], [file('d')], [dir('d'), file('d/b')]).root), [
      'd directory',
      'd/b file',
    ]);
  });

  it('gives an implied directory the attributes of the layers below, also when it is opaque, and not when it is new', () => {
    const lower = [dir('d', { mode: 0o700, uid: 5 }), file('d/a')];
    const kept = view(lower, [file('d/b')], [file('d/.wh..wh..opq'), file('d/c')]).find('d');
    assert.deepEqual([kept?.mode, kept?.uid, kept?.layer, kept?.implied], [0o700, 5, 0, false]);
    const made = view(lower, [file('.wh.d'), file('d/b')]).find('d');
    assert.deepEqual([made?.mode, made?.uid, made?.layer], [0o755, 0, 1]);
    assert.deepEqual(outline(made ?? view().root), ['b file']);
  });

  it('shows an empty root without layers', () => {
    assert.deepEqual(outline(view().root), []);
    assert.equal(view().resolve('/a/b', { followLast: true }).path, 'a/b');
  });

  it('F-036: an entry below a link of a lower layer lands where the link leads', () => {
    const merged = view([dir('run'), dir('var'), symlink('var/run', '/run'), file('run/old')], [file('var/run/x')]);
    assert.deepEqual(outline(merged.root), [
      'run directory',
      'run/old file',
      'run/x file',
      'var directory',
      'var/run symlink -> /run',
    ]);
    assert.equal(merged.find('run/x')?.layer, 1);
  });

  it('F-036: also over several links, into missing folders and together with entries at the real place', () => {
    const lower = [symlink('a', 'b'), symlink('b', '/c/d'), dir('c', { uid: 3 })];
    const merged = view(lower, [file('a/e/f'), file('c/d/g'), hardlink('h', 'a/e/f')], [file('b/.wh.g')]);
    assert.deepEqual(outline(merged.root), [
      'a symlink -> b',
      'b symlink -> /c/d',
      'c directory',
      'c/d directory implied',
      'c/d/e directory implied',
      'c/d/e/f file',
      'h file',
    ]);
    assert.equal(merged.find('h')?.inode, merged.find('c/d/e/f')?.inode);
  });

  it('F-042: a directory entry over a link of a lower layer replaces the link', () => {
    const merged = view(
      [dir('t', { mode: 0o700 }), file('t/x'), symlink('d', 't')],
      [dir('d', { mode: 0o777 }), file('d/f')],
    );
    assert.deepEqual(outline(merged.root), ['d directory', 'd/f file', 't directory', 't/x file']);
    assert.equal(merged.find('t')?.mode, 0o700);
  });

  it('F-045: parents that are missing in every layer are made below a link of a lower layer too', () => {
    assert.deepEqual(outline(view([symlink('l', 'gone/far')], [dir('l/x/y')]).root), [
      'gone directory implied',
      'gone/far directory implied',
      'gone/far/x directory implied',
      'gone/far/x/y directory',
      'l symlink -> gone/far',
    ]);
  });

  it('F-055: a whiteout of a link removes the link only', () => {
    assert.deepEqual(
      outline(view([dir('etc'), file('etc/passwd'), symlink('localetc', '/etc')], [file('.wh.localetc')]).root),
      ['etc directory', 'etc/passwd file'],
    );
  });

  it('F-056: a whiteout below a link of a lower layer hides the file that the link leads to', () => {
    const lower = [dir('etc'), file('etc/passwd'), file('etc/group'), symlink('localetc', '/etc')];
    assert.deepEqual(outline(view(lower, [file('localetc/.wh.passwd')]).root), [
      'etc directory',
      'etc/group file',
      'localetc symlink -> /etc',
    ]);
    assert.deepEqual(outline(view(lower, [file('localetc/.wh..wh..opq')]).root), [
      'etc directory',
      'localetc symlink -> /etc',
    ]);
  });

  it('keeps the directory where a link of a lower layer leads nowhere', () => {
    assert.deepEqual(outline(view([symlink('l', 'l')], [file('l/f')]).root), ['l directory implied', 'l/f file']);
    assert.deepEqual(outline(view([symlink('l', 'f/x'), file('f')], [file('l/g')]).root), [
      'f file',
      'l directory implied',
      'l/g file',
    ]);
  });

  it('applies entries through links that the same layer puts behind other links', () => {
    const through = view([symlink('a', 'b'), dir('b')], [symlink('a/a', 'b/l/a'), symlink('a/b/l', 'a'), dir('b/a/a')]);
    assert.deepEqual(outline(through.root), [
      'a symlink -> b',
      'b directory',
      'b/a symlink -> b/l/a',
      'b/b directory implied',
      'b/b/a directory implied',
      'b/b/a/a directory implied',
      'b/b/a/a/a directory',
      'b/b/l symlink -> a',
    ]);
    const hidden = view([symlink('b', 'a')], [symlink('a/m', 'a'), file('b/.wh.m'), symlink('b/m/a', 'a')]);
    assert.deepEqual(outline(hidden.root), [
      'a directory implied',
      'a/a directory implied',
      'a/a/a symlink -> a',
      'a/m symlink -> a',
      'b symlink -> a',
    ]);
  });

  it('lets a file of a layer win over what the layer puts below it through a link', () => {
    const merged = view([symlink('a', 'm'), dir('m'), file('m/x')], [file('a/.wh.x'), file('m')]);
    assert.deepEqual(outline(merged.root), ['a symlink -> m', 'm file']);
  });

  it('shows of any stack what docker has after applying its entries one after another', () => {
    let compared = 0;
    fc.assert(
      fc.property(layerStack, (stack) => {
        const applied = new AppliedTree();
        try {
          stack.forEach((entries, layer) => applied.apply(layer, entries));
        } catch (error) {
          if (error instanceof NotApplicable) return;
          throw error;
        }
        compared++;
        assert.deepEqual(linesOfView(mergeIndexes(indexesOf(stack))), linesOfModel(applied.root));
      }),
      { numRuns: 2_000 },
    );
    assert.ok(compared > 400, `${compared} stacks were compared`);
  });
});

describe('View.resolve()', () => {
  const merged = view(
    [
      dir('a/b'),
      file('a/b/f'),
      symlink('up', '../../a'),
      symlink('abs', '/a/b'),
      symlink('a/rel', 'b/../b/f'),
      symlink('dead', 'x/y'),
    ],
    [symlink('over', 'abs/f'), symlink('l1', 'l2'), symlink('l2', 'l1')],
  );
  const to = (path: string, followLast = true) => {
    const { path: at, node } = merged.resolve(path, { followLast });
    return `${at} ${node?.kind ?? 'nothing'}`;
  };

  it('follows links as inside a chroot', () => {
    assert.equal(to('/up/b/f'), 'a/b/f file');
    assert.equal(to('abs/../rel'), 'a/b/f file');
    assert.equal(to('over'), 'a/b/f file');
    assert.equal(to('../../..'), ' directory');
    assert.equal(to('./a//b/./'), 'a/b directory');
  });

  it('follows a link in the last place only when asked, or when a slash follows', () => {
    assert.equal(to('abs', false), 'abs symlink');
    assert.equal(to('abs/', false), 'a/b directory');
    assert.equal(to('up/rel', false), 'a/rel symlink');
  });

  it('tells where a path would be that is not there', () => {
    assert.equal(to('dead'), 'x/y nothing');
    assert.equal(to('dead/../z'), 'x/z nothing');
    assert.equal(to('a/b/f/g'), 'a/b/f/g nothing');
  });

  it('ends after 40 links', () => {
    assert.throws(
      () => to('l1'),
      (error) => isShaleError(error, 'LINK_LOOP'),
    );
    assert.equal(to('l1', false), 'l1 symlink');
  });
});

function linesOfView({ root }: View): string[] {
  const lines: string[] = [];
  const names = new Map<string, string>();
  walk(root, (path, node) => {
    const target = node.kind === 'symlink' ? node.linkTarget() : '';
    const content = node.kind === 'file' ? `${node.layer}:${node.data().offset}` : '';
    const id = node.kind === 'directory' ? path : `${node.layer}:${node.inode}`;
    names.set(id, names.get(id) ?? path);
    lines.push([path, node.kind, node.mode.toString(8), node.uid, target, content, names.get(id)].join(' '));
  });
  return lines;
}

function linesOfModel(root: AppliedNode): string[] {
  const lines: string[] = [];
  const names = new Map<AppliedNode, string>();
  const visit = (path: string, node: AppliedNode) => {
    if (path !== '') {
      names.set(node, names.get(node) ?? path);
      lines.push(
        [path, node.kind, node.mode.toString(8), node.uid, node.target, node.content, names.get(node)].join(' '),
      );
    }
    const below = path === '' ? '' : `${path}/`;
    const children = [...(node.children ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, child] of children) visit(below + name, child);
  };
  visit('', root);
  return lines;
}
