import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReadTarEntry } from '../../archive/index.ts';
import { isShaleError } from '../../base/index.ts';
import { effectiveRoots, mergeIndexes, type LayerIndex, type ViewNode } from '../../erofs/index.ts';
import { layerStack } from '../../../tests/support/layer-stacks.ts';
import { file, indexOf } from '../../../tests/support/tar-entries.ts';
import { analyse } from './analyse.ts';

/** What is in a tree but directories, and these. */
function countOf(root: ViewNode): { readonly files: string[]; readonly directories: number } {
  const files: string[] = [];
  let directories = 0;
  const visit = (node: ViewNode, above: string): void => {
    for (const [name, child] of node.children()) {
      if (child.kind === 'directory') {
        directories++;
        visit(child, `${above}${name}/`);
      } else files.push(`${above}${name} ${child.layer}`);
    }
  };
  visit(root, '');
  return { files: files.toSorted(), directories };
}

/** Layers that contradict themselves are refused. */
function built(entries: readonly ReadTarEntry[]): LayerIndex | undefined {
  try {
    return indexOf(entries);
  } catch (error) {
    if (isShaleError(error)) return undefined;
    throw error;
  }
}

test('what is true of all files of a folder is one entry of waste, also of folders in it', () => {
  const lower = [
    file('app/a', { sizeBytes: 10 }),
    file('app/lib/b', { sizeBytes: 20 }),
    file('etc/c', { sizeBytes: 5 }),
    file('etc/d'),
  ];
  // Contents are not known here, so that all is taken for changed.
  const upper = [
    file('app/a', { sizeBytes: 11 }),
    file('app/lib/b', { sizeBytes: 21 }),
    file('etc/c', { sizeBytes: 6 }),
  ];
  const { waste } = analyse(
    [lower, upper].map((entries) => indexOf(entries).root),
    () => undefined,
  );
  assert.deepEqual(
    waste.entries.map(({ path, isFolder, files, bytes, cause, layer, by }) => [
      path,
      isFolder,
      files,
      bytes,
      cause,
      layer,
      by,
    ]),
    [
      ['app', true, 2, 30, 'overwritten', 0, 1],
      ['etc/c', false, 1, 5, 'overwritten', 0, 1],
    ],
  );
  assert.deepEqual(
    waste.causes.map(({ cause, files, bytes }) => [cause, files, bytes]),
    [['overwritten', 3, 35]],
  );
});

test('the walk through all layers sees in the end what the merged view shows, and counts every byte once', () => {
  fc.assert(
    fc.property(layerStack, (layers) => {
      const indexes = layers.flatMap((entries) => built(entries) ?? []);
      fc.pre(indexes.length > 0);
      const seen: string[] = [];
      const analysis = analyse(effectiveRoots(indexes), (path, layer) => seen.push(`${path} ${layer}`));
      const expected = countOf(mergeIndexes(indexes).root);
      assert.deepEqual(seen.toSorted(), expected.files);
      assert.equal(analysis.visible.files, expected.files.length);
      assert.equal(analysis.visible.directories, expected.directories);
      for (const { content, added, changed, metadataOnly, rewritten } of analysis.layers)
        assert.equal(content.files, added.files + changed.files + metadataOnly.files + rewritten.files);
      const files = (name: 'content' | 'hiddenLater'): number =>
        analysis.layers.reduce((sum, layer) => sum + layer[name].files, 0);
      assert.equal(files('content') - files('hiddenLater'), expected.files.length);
      assert.ok(analysis.shale.efficiency >= 0 && analysis.shale.efficiency <= 1);
      assert.ok(analysis.dive.efficiency >= 0 && analysis.dive.efficiency <= 1);
    }),
    { numRuns: 300, seed: 7 },
  );
});
