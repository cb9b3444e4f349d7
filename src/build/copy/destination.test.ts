import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { TarEntry } from '../../archive/index.ts';
import { isShaleError } from '../../base/index.ts';
import { Destination } from './destination.ts';
import { EMPTY_DIRECTORY, inlineSource } from './inline-source.ts';
import { PLAIN, type PlannedEntry } from './planned.ts';
import type { SourceNode } from './source-tree.ts';

const ROOT = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };

function entry(path: string, kind: TarEntry['kind'], linkTarget = ''): TarEntry {
  return { ...PLAIN, ...ROOT, path, kind, linkTarget };
}

function content(text: string): NonNullable<PlannedEntry['content']> {
  const { node } = inlineSource({ name: 'x', content: text, mode: 0o644 });
  return node;
}

/** A directory of the layers below; values are directories, or the target of a link. */
interface Tree {
  readonly [name: string]: Tree | string;
}

function lower(tree: Tree | string): SourceNode {
  if (typeof tree === 'string') return { ...EMPTY_DIRECTORY, kind: 'symlink', linkTarget: () => tree };
  const children = new Map(Object.entries(tree).map(([name, below]) => [name, lower(below)]));
  return { ...EMPTY_DIRECTORY, child: (name) => children.get(name), children: () => children };
}

/** `path kind`, with what a link leads to or the beginning of the content's digest. */
function outline(destination: Destination): string[] {
  const entries = [...destination.plan((time) => time).entries()];
  return entries.map(({ entry: { path, kind, linkTarget }, content: from }) => {
    const digest = from === undefined ? '' : ` ${Buffer.from(from.sha256()).toString('hex').slice(0, 8)}`;
    return `${path} ${kind}${linkTarget === '' ? '' : ` -> ${linkTarget}`}${digest}`;
  });
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

describe('Destination', () => {
  test('gives the first name of a file the content, whichever name was put first', () => {
    const destination = new Destination(undefined);
    destination.put(entry('z', 'file'), content('one'), 'z');
    destination.put(entry('m', 'hardlink', 'z'), undefined, 'm');
    destination.put(entry('a', 'hardlink', 'z'), undefined, 'a');
    assert.deepEqual(outline(destination), [`a file ${digestOf('one')}`, 'm hardlink -> a', 'z hardlink -> a']);
  });

  test('F-027: a file that is put over another leaves the content to the other names of the old one', () => {
    const destination = new Destination(undefined);
    destination.put(entry('a', 'file'), content('old'), '');
    destination.put(entry('b', 'hardlink', 'a'), undefined, '');
    destination.put(entry('c', 'hardlink', 'a'), undefined, '');
    destination.put(entry('a', 'file'), content('new'), '');
    assert.deepEqual(outline(destination), [
      `a file ${digestOf('new')}`,
      `b file ${digestOf('old')}`,
      'c hardlink -> b',
    ]);
  });

  test('F-027: a directory that was something else in between shows nothing of the layers below', () => {
    const destination = new Destination(lower({ etc: { apt: {}, conf: 'x' } }));
    destination.find('etc/apt/sources');
    destination.replace(entry('etc', 'file'), content('file'), '');
    assert.equal(destination.find('etc/apt'), undefined);
    destination.replace(entry('etc', 'directory'), undefined, '');
    assert.equal(destination.find('etc/apt'), undefined);
    assert.equal(destination.find('etc/apt/sources'), undefined);
    destination.put(entry('etc/new', 'file'), content('x'), '');
    assert.deepEqual(outline(destination), [
      'etc directory',
      `etc/.wh..wh..opq file ${digestOf('')}`,
      `etc/new file ${digestOf('x')}`,
    ]);
  });

  test('follows links of the layers below as in a chroot', () => {
    const destination = new Destination(lower({ run: {}, var: { run: '/run', up: '../../../run' }, loop: 'loop' }));
    assert.equal(destination.resolve('/var/run/x'), 'run/x');
    assert.equal(destination.resolve('/var/up/x'), 'run/x');
    assert.equal(destination.resolve('/missing/../var/run'), 'run');
    assert.throws(
      () => destination.resolve('/loop/x'),
      (error) => isShaleError(error, 'LINK_LOOP'),
    );
  });

  test('writes the directories that lead to an entry as the layers below have them', () => {
    const destination = new Destination(lower({ a: { b: {} } }));
    destination.put(entry('a/b/c', 'file'), content(''), '');
    assert.deepEqual(outline(destination), ['a directory', 'a/b directory', `a/b/c file ${digestOf('')}`]);
  });

  test('refuses names that mean deleted files', () => {
    const destination = new Destination(undefined);
    for (const path of ['.wh.x', 'a/.wh..wh..opq'])
      assert.throws(
        () => destination.put(entry(path, 'file'), content(''), ''),
        (error) => isShaleError(error, 'COPY_RESERVED_NAME'),
      );
  });
});
