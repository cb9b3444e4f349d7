import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeTarHeader, readTar, TAR_END, type TarEntry, tarPadding } from '../../archive/index.ts';
import { collect, streamOf } from '../../base/index.ts';
import { applyLayer } from './apply-layer.ts';
import { contentBytes, layerOfTree } from './layer-of-tree.ts';
import { TarFileWriter } from './tar-file.ts';
import { plainInode, Tree } from './tree.ts';

function withFolder(work: (folder: string) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-bases-'));
    try {
      await work(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

async function listLayer(tree: Tree, epochNs = 100n * 10n ** 9n): Promise<string[]> {
  const lines: string[] = [];
  for await (const { entry, content } of readTar(layerOfTree(tree, epochNs))) {
    const text = (await collect(content, 1e6, 'content')).toString();
    lines.push(`${entry.kind} ${entry.path} ${entry.linkTarget}${text} @${entry.mtimeNs / 10n ** 9n}`);
  }
  return lines;
}

test(
  'layerOfTree() orders entries, clamps times and writes names of one file as hard links',
  withFolder(async (folder) => {
    const tree = new Tree(plainInode('directory', 0o755, 0n));
    using tar = new TarFileWriter(join(folder, 'a.tar'));
    tar.startEntry('x', plainInode('file', 0o644, 0n), 5);
    tar.writeContent(Buffer.from('hello'));
    const shared = { ...plainInode('file', 0o644, 200n * 10n ** 9n), content: tar.endContent() };
    tar.finish();
    for (const path of ['b', 'a-b', 'a/b']) {
      tree.makeParents(path, 5n * 10n ** 9n);
      tree.set(path, shared);
    }
    tree.set('c', { ...plainInode('symlink', 0o777, 0n), linkTarget: 'a' });
    assert.deepEqual(await listLayer(tree), [
      'directory   @0',
      'directory a  @5',
      'file a/b hello @100',
      'hardlink a-b a/b @100',
      'hardlink b a/b @100',
      'symlink c a @0',
    ]);
  }),
);

function entry(path: string, fields: Partial<TarEntry> & { readonly text?: string } = {}): Buffer {
  const text = Buffer.from(fields.text ?? '');
  const whole: TarEntry = {
    path,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    linkTarget: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...fields,
    sizeBytes: text.length,
  };
  return Buffer.concat([encodeTarHeader(whole), text, tarPadding(text.length)]);
}

function apply(folder: string, tree: Tree, ...entries: readonly Buffer[]): { read(path: string): string } {
  const path = join(folder, 'layer.tar');
  writeFileSync(path, Buffer.concat([...entries, TAR_END]));
  const fd = openSync(path, 'r');
  try {
    applyLayer(tree, fd, { mtimeOf: () => 7n });
    const texts = new Map(
      [...tree.entries()].map(([name, { content }]) => [
        name,
        content === undefined ? '' : contentBytes(content).toString(),
      ]),
    );
    return { read: (name) => texts.get(name) ?? 'absent' };
  } finally {
    closeSync(fd);
  }
}

test(
  'applyLayer() replaces, adds and removes, and whiteouts mean only what lay below',
  withFolder((folder) => {
    const tree = new Tree(plainInode('directory', 0o755, 0n));
    for (const path of ['keep/a', 'gone/a', 'opaque/old', 'file']) {
      tree.makeParents(path, 0n);
      tree.set(path, plainInode('file', 0o600, 0n));
    }
    const after = apply(
      folder,
      tree,
      entry('keep', { kind: 'directory', mode: 0o700 }),
      entry('keep/b', { text: 'new' }),
      entry('opaque/new', { text: 'n' }),
      entry('opaque/.wh..wh..opq'),
      entry('.wh.gone'),
      entry('linked', { kind: 'hardlink', linkTarget: 'keep/b' }),
      entry('file', { kind: 'directory' }),
    );
    assert.deepEqual([...tree.entries()].map(([path]) => path).toSorted(), [
      '',
      'file',
      'keep',
      'keep/a',
      'keep/b',
      'linked',
      'opaque',
      'opaque/new',
    ]);
    assert.equal(after.read('keep/b'), 'new');
    assert.equal(tree.find('keep')?.mode, 0o700);
    assert.equal(tree.find('keep')?.mtimeNs, 7n);
    assert.equal(tree.find('linked'), tree.find('keep/b'));
    assert.equal(tree.find('file')?.kind, 'directory');
  }),
);

test(
  'applyLayer() refuses a hard link to nothing',
  withFolder((folder) => {
    const tree = new Tree(plainInode('directory', 0o755, 0n));
    assert.throws(() => apply(folder, tree, entry('x', { kind: 'hardlink', linkTarget: 'nothing' })), {
      code: 'LAYER_MALFORMED',
    });
  }),
);

test(
  'TarFileWriter writes a tar that reads back, and says where contents lie',
  withFolder(async (folder) => {
    const path = join(folder, 'a.tar');
    using tar = new TarFileWriter(path);
    const big = Buffer.alloc(3_000_001, 'x');
    tar.startEntry('big', plainInode('file', 0o644, 0n), big.length);
    for (let at = 0; at < big.length; at += 700_000) tar.writeContent(big.subarray(at, at + 700_000));
    const content = tar.endContent();
    tar.writeHardLink('link', 'big', plainInode('file', 0o644, 0n));
    tar.finish();
    assert.equal(Buffer.compare(contentBytes(content), big), 0);
    const { readFileSync } = await import('node:fs');
    const names: string[] = [];
    for await (const item of readTar(streamOf(readFileSync(path)))) names.push(`${item.entry.kind} ${item.entry.path}`);
    assert.deepEqual(names, ['file big', 'hardlink link']);
  }),
);
