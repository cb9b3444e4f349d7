import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { ReadTarEntry, TarEntry } from '../archive/index.ts';
import type { ViewNode } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { AppliedTree, NotApplicable } from '../../tests/support/applied-tree.ts';
import { layerStack } from '../../tests/support/layer-stacks.ts';
import { dir, file, hardlink, symlink } from '../../tests/support/tar-entries.ts';
import { walk } from '../../tests/support/tree-text.ts';
import { Layers } from './layers.ts';
import { changesAbove, squashLayers } from './squash.ts';

const signal = new AbortController().signal;

describe('squashLayers()', () => {
  let folder: string;
  let store: Store;
  let layers: Layers;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shale-squash-'));
    store = await openStore({ root: join(folder, 'home') });
    layers = new Layers(store);
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  async function layer(entries: readonly ReadTarEntry[], fill: string): Promise<DiffId> {
    await using writer = await layers.create();
    for (const entry of entries) await writer.add(plain(entry), { kind: 'bytes', bytes: contentOf(entry, fill) });
    return (await writer.commit()).diffId;
  }

  /** Everything that can be told of a tree, hard links by the first of their names. */
  async function describeTree(diffIds: readonly DiffId[]): Promise<string[]> {
    const { view } = await layers.stack(diffIds);
    const lines: string[] = [rootText(view.root)];
    const first = new Map<string, string>();
    walk(view.root, (path, node) => {
      const key = `${node.layer}:${node.inode}`;
      if (node.kind !== 'directory' && !first.has(key)) first.set(key, path);
      const links = node.kind === 'directory' ? '' : ` = ${first.get(key)}`;
      lines.push(`${path} ${text(node)}${links}`);
    });
    return lines;
  }

  async function entriesOf(diffId: DiffId): Promise<string[]> {
    const stack = await layers.stack([diffId]);
    return [...changesAbove(stack, 0)].map(({ entry }) => `${entry.kind} ${entry.path}`);
  }

  test('gives the same tree on fewer layers, whatever the layers and the border', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(layerStack, fc.nat(4), async (stack, at) => {
        if (!isApplicable(stack)) return;
        compared++;
        const diffIds: DiffId[] = [];
        for (const [i, entries] of stack.entries()) diffIds.push(await layer(entries, String(i)));
        const below = Math.min(at, diffIds.length - 1);
        const squashed = await squashLayers(layers, diffIds, { below, signal });
        assert.deepEqual(
          await describeTree([...diffIds.slice(0, below), squashed.diffId]),
          await describeTree(diffIds),
        );
      }),
      { numRuns: 300, seed: 3 },
    );
    assert.ok(compared > 60, `${compared} stacks were compared`);
  });

  test('leaves out what came and went, what was removed becomes a whiteout, what is as before is absent', async () => {
    const base = await layer([dir('d'), file('d/gone', { sizeBytes: 1 }), file('d/kept', { sizeBytes: 1 })], 'x');
    const first = await layer([dir('d'), file('d/between', { sizeBytes: 1 }), file('d/kept', { sizeBytes: 1 })], 'x');
    const second = await layer([dir('d'), file('d/.wh.between'), file('d/.wh.gone'), symlink('new', 'd')], 'x');
    const squashed = await squashLayers(layers, [base, first, second], { below: 1, signal });
    await using writer = await layers.create();
    for (const entry of [dir('d'), file('d/.wh.gone', { mode: 0o600 }), symlink('new', 'd', { mode: 0o777 })])
      await writer.add(plain(entry));
    assert.equal(squashed.diffId, (await writer.commit()).diffId);
  });

  test('keeps the names of one file together, also when the first of them is gone', async () => {
    const a = await layer([file('a', { sizeBytes: 1 }), hardlink('b', 'a'), hardlink('c', 'a')], '1');
    const b = await layer([file('.wh.a')], '2');
    const squashed = await squashLayers(layers, [a, b], { below: 0, signal });
    assert.deepEqual(await entriesOf(squashed.diffId), ['file b', 'hardlink c']);
  });

  test('of a directory that was removed and made again the old files are named one by one', async () => {
    const base = await layer([dir('d'), file('d/old', { sizeBytes: 1 })], '1');
    const again = await layer([dir('d'), file('d/.wh..wh..opq'), file('d/new', { sizeBytes: 1 })], '2');
    const squashed = await squashLayers(layers, [base, again], { below: 1, signal });
    assert.deepEqual(await describeTree([base, squashed.diffId]), await describeTree([base, again]));
    assert.equal((await layers.stack([squashed.diffId])).view.find('d')?.child('old'), undefined);
  });

  test('the same layers give the same layer', async () => {
    const a = await layer([dir('d'), file('d/f', { sizeBytes: 3, uid: 7 })], 'abc');
    const b = await layer([file('e', { sizeBytes: 2 })], 'de');
    const one = await squashLayers(layers, [a, b], { below: 0, signal });
    const other = await squashLayers(new Layers(store), [a, b], { below: 0, signal });
    assert.equal(other.diffId, one.diffId);
  });
});

/** False for what docker refuses, and for layers whose effect depends on the order of their entries. */
function isApplicable(stack: readonly (readonly ReadTarEntry[])[]): boolean {
  const applied = new AppliedTree();
  try {
    stack.forEach((entries, number) => applied.apply(number, entries));
    return true;
  } catch (error) {
    if (error instanceof NotApplicable) return false;
    throw error;
  }
}

function plain(entry: ReadTarEntry): TarEntry {
  const { headerOffset: _header, dataOffset: _data, storedBytes: _stored, sparse: _sparse, ...rest } = entry;
  return rest;
}

function contentOf({ sizeBytes }: ReadTarEntry, fill: string): Buffer {
  return Buffer.alloc(sizeBytes, fill);
}

function rootText(root: ViewNode): string {
  return root.implied ? 'implied' : text(root);
}

function text(node: ViewNode): string {
  const { kind, mode, uid, gid, mtimeNs, sizeBytes } = node;
  const content = kind === 'file' ? Buffer.from(node.sha256() ?? []).toString('hex') : node.linkTarget();
  return `${kind} ${mode.toString(8)} ${uid}:${gid} ${mtimeNs} ${sizeBytes} ${content}`;
}
