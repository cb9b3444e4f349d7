import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTar } from '../../archive/index.ts';
import { streamOf } from '../../base/index.ts';
import { contentBytes } from '../rootfs/layer-of-tree.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode, Tree } from '../rootfs/tree.ts';
import { dpkgDatabase } from './dpkg-database.ts';
import { makePathFilter, type PathRule, SLIM_RULES } from './path-filter.ts';
import { debContents, type TestDeb } from './test-deb.ts';
import { type UnpackedPackage, Unpacker } from './unpack.ts';

interface Unpacked {
  readonly packages: readonly UnpackedPackage[];
  readonly tree: Tree;
  /** Paths with what they hold. */
  readonly files: Readonly<Record<string, string>>;
  /** What the tar has, in its order. */
  readonly tar: readonly string[];
}

async function unpack(debs: readonly TestDeb[], rules: readonly PathRule[] = []): Promise<Unpacked> {
  const folder = mkdtempSync(join(tmpdir(), 'shale-bases-'));
  try {
    const tree = new Tree(plainInode('directory', 0o755, 0n));
    using tar = new TarFileWriter(join(folder, 'a.tar'));
    const unpacker = new Unpacker({ tree, tar, isSkipped: makePathFilter(rules), mtimeNs: 0n });
    const packages: UnpackedPackage[] = [];
    for (const deb of debs) packages.push(await unpacker.add(debContents(deb)));
    tar.finish();
    const files = Object.fromEntries(
      [...tree.entries()].flatMap(([path, inode]) =>
        inode.kind === 'directory'
          ? []
          : [[path, inode.content === undefined ? `-> ${inode.linkTarget}` : contentBytes(inode.content).toString()]],
      ),
    );
    const names: string[] = [];
    for await (const { entry } of readTar(streamOf(readFileSync(join(folder, 'a.tar'))))) names.push(entry.path);
    return { packages, tree, files, tar: names };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const BASE: TestDeb = {
  control: 'Package: base\nVersion: 1',
  files: [['usr/'], ['usr/bin/'], ['usr/lib/'], ['bin', '-> usr/bin'], ['lib', '-> usr/lib'], ['tmp/', '', 0o1777]],
};

test('Unpacker puts files through the links of merged /usr, and lists them as they were shipped', async () => {
  const tool = {
    control: 'Package: tool\nVersion: 1',
    files: [['bin/'], ['bin/tool', 'x', 0o755], ['lib/'], ['lib/sub/'], ['lib/sub/lib.so', 'y']],
  } as const;
  const { files, tree, packages, tar } = await unpack([BASE, tool]);
  assert.deepEqual(files, { bin: '-> usr/bin', lib: '-> usr/lib', 'usr/bin/tool': 'x', 'usr/lib/sub/lib.so': 'y' });
  assert.deepEqual(packages[1]?.paths, ['/.', '/bin', '/bin/tool', '/lib', '/lib/sub', '/lib/sub/lib.so']);
  assert.equal(tree.find('bin')?.kind, 'symlink');
  assert.deepEqual(tar, [
    'usr',
    'usr/bin',
    'usr/lib',
    'bin',
    'lib',
    'tmp',
    'usr/bin/tool',
    'usr/lib/sub',
    'usr/lib/sub/lib.so',
  ]);
});

test('Unpacker keeps the attributes of a folder from the first package that ships it', async () => {
  const other = {
    control: 'Package: other\nVersion: 1',
    files: [
      ['tmp/', '', 0o755],
      ['etc/', '', 0o700],
    ],
  } as const;
  const { tree } = await unpack([BASE, other]);
  assert.equal(tree.find('tmp')?.mode, 0o1777);
  assert.equal(tree.find('etc')?.mode, 0o700);
});

test('Unpacker lays configuration files down as they are and for dpkg --configure', async () => {
  const deb = {
    control: 'Package: c\nVersion: 1',
    scripts: { conffiles: '/etc/c.conf\nremove-on-upgrade /etc/old\n' },
    files: [['etc/'], ['etc/c.conf', 'conf', 0o600], ['etc/no.conf', 'n']],
  } as const;
  const { files, tree, packages } = await unpack([deb]);
  assert.deepEqual(files, { 'etc/c.conf': 'conf', 'etc/c.conf.dpkg-new': 'conf', 'etc/no.conf': 'n' });
  assert.equal(tree.find('etc/c.conf.dpkg-new')?.mode, 0o600);
  assert.deepEqual(packages[0]?.conffiles, ['/etc/c.conf']);
});

test('Unpacker keeps hard links as one file with several names', async () => {
  const deb = {
    control: 'Package: p\nVersion: 1',
    files: [['bin/'], ['bin/perl', 'elf'], ['bin/perl5', '=> bin/perl']],
  } as const;
  const { tree } = await unpack([BASE, deb]);
  assert.equal(tree.find('usr/bin/perl5'), tree.find('usr/bin/perl'));
  await assert.rejects(unpack([{ control: 'Package: q\nVersion: 1', files: [['x', '=> nothing']] }]), {
    code: 'DEB_MALFORMED',
  });
});

test('Unpacker refuses a file of two packages, unless one says that it replaces the other', async () => {
  const a = { control: 'Package: a\nVersion: 1', files: [['f', 'of a']] } as const;
  const b = (fields: string): TestDeb => ({ control: `Package: b\nVersion: 1${fields}`, files: [['f', 'of b']] });
  await assert.rejects(unpack([a, b('')]), { code: 'FILE_CONFLICT' });
  await assert.rejects(unpack([a, b('\nReplaces: a (<< 1)')]), { code: 'FILE_CONFLICT' });
  const after = await unpack([a, b('\nReplaces: a (<= 1)')]);
  assert.deepEqual(after.files, { f: 'of b' });
  assert.deepEqual(
    after.packages.map((each) => each.paths),
    [['/.'], ['/.', '/f']],
  );
  const before = await unpack([b('\nReplaces: a'), a]);
  assert.deepEqual(before.files, { f: 'of b' });
  await assert.rejects(unpack([BASE, { control: 'Package: c\nVersion: 1', files: [['usr', 'a file']] }]), {
    code: 'FILE_CONFLICT',
  });
});

test('Unpacker leaves out what the filter excludes, and lists it all the same', async () => {
  const deb = {
    control: 'Package: d\nVersion: 1',
    files: [
      ['usr/'],
      ['usr/share/'],
      ['usr/share/doc/'],
      ['usr/share/doc/d/'],
      ['usr/share/doc/d/copyright', 'c'],
      ['usr/share/doc/d/README', 'r'],
      ['usr/share/man/'],
      ['usr/share/man/man1/'],
      ['usr/share/man/man1/d.1.gz', 'm'],
    ],
  } as const;
  const { files, packages, tree } = await unpack([deb], SLIM_RULES);
  assert.deepEqual(files, { 'usr/share/doc/d/copyright': 'c' });
  assert.equal(packages[0]?.paths.length, 10);
  assert.equal(tree.find('usr/share/man/man1'), undefined);
});

test('makePathFilter() lets the last pattern decide, over slashes', () => {
  const skips = makePathFilter([
    { kind: 'exclude', pattern: '/usr/share/locale/*' },
    { kind: 'include', pattern: '/usr/share/locale/locale.alias' },
    { kind: 'exclude', pattern: '/opt/?[x' },
  ]);
  assert.equal(skips('usr/share/locale/de/LC_MESSAGES/x.mo', 'other'), true);
  assert.equal(skips('usr/share/locale/locale.alias', 'other'), false);
  assert.equal(skips('usr/share/locale', 'directory'), false);
  assert.equal(skips('usr/share/locale/de', 'directory'), true);
  assert.equal(skips('opt/a[x', 'other'), true);
  assert.equal(skips('usr/share/localeX', 'other'), false);
});

test('dpkgDatabase() writes status, lists and triggers as dpkg does for unpacked packages', async () => {
  const lib = {
    control: 'Package: lib\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1\nDescription: short\n long',
    scripts: {
      triggers: 'interest-noawait /usr/lib/x\ninterest names\nactivate-noawait ldconfig\n',
      postinst: '#!/bin/sh\n',
    },
    files: [['a', 'x']],
  } as const;
  const conf = {
    control: 'Package: conf\nEssential: yes\nVersion: 1',
    scripts: { conffiles: '/etc/c\n' },
    files: [['etc/'], ['etc/c', 'x']],
  } as const;
  const { packages } = await unpack([lib, conf]);
  const written = new Map(
    dpkgDatabase(packages, 'amd64').map((file) => [file.path.slice('var/lib/dpkg/'.length), file]),
  );
  const text = (name: string): string => Buffer.from(written.get(name)?.content ?? 'absent').toString();
  assert.equal(
    text('status'),
    'Package: conf\nEssential: yes\nStatus: install ok unpacked\nVersion: 1\nConffiles:\n /etc/c newconffile\n\n' +
      'Package: lib\nStatus: install ok unpacked\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1\nDescription: short\n long\n',
  );
  assert.equal(text('info/lib:amd64.list'), '/.\n/a\n');
  assert.equal(written.get('info/lib:amd64.postinst')?.mode, 0o755);
  assert.equal(text('triggers/File'), '/usr/lib/x lib:amd64/noawait\n');
  assert.equal(text('triggers/names'), 'lib:amd64\n');
  assert.equal(written.has('triggers/ldconfig'), false);
  assert.equal(text('arch'), 'amd64\n');
  assert.equal(text('available'), '');
});
