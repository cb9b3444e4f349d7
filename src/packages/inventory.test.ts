import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fileOwners, packageFiles, readInventory, type Package } from './index.ts';
import { stackOf, type LayerFiles } from './packages.fixture.ts';

const OS = 'NAME="Debian"\nID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n';
const BASH = `Package: bash
Status: install ok installed
Maintainer: Matthias Klose <doko@debian.org>
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b7
Homepage: https://gnu.org/bash
Description: shell
 with
 a text: and a colon
`;
const GONE = 'Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n';
const LIBC = 'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1:2.36\n';
const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: bash

Files: *
Copyright: someone
License: GPL-3+ and Expat

License: GPL-3+
 This is a text.
`;
const DEBIAN: LayerFiles = {
  'etc/os-release': '→ ../usr/lib/os-release',
  'usr/lib/os-release': OS,
  bin: '→ usr/bin',
  'usr/bin/bash': 'shell',
  'usr/share/doc/bash/copyright': COPYRIGHT,
  'var/lib/dpkg/status': `${BASH}\n${GONE}`,
  'var/lib/dpkg/info/bash.list': '/.\n/bin\n/bin/bash\n/usr/share/doc/bash/copyright\n',
};

async function packagesOf(...layers: readonly LayerFiles[]): Promise<readonly Package[]> {
  await using made = await stackOf(...layers);
  return readInventory(made.stack).packages;
}

test('readInventory() lists what dpkg has installed, with source, licences and the layer that brought it', async () => {
  const second = {
    'var/lib/dpkg/status': `${BASH}\n\n${GONE}\n${LIBC}`,
    'var/lib/dpkg/info/libc6:amd64.list': '/lib\n',
  };
  const [bash, libc, ...others] = await packagesOf(DEBIAN, second);
  assert.deepEqual(others, []);
  assert.deepEqual(bash, {
    type: 'deb',
    name: 'bash',
    version: '5.2.15-2+b7',
    architecture: 'amd64',
    source: { name: 'bash', version: '5.2.15-2' },
    supplier: 'Matthias Klose <doko@debian.org>',
    homepage: 'https://gnu.org/bash',
    licences: ['Expat', 'GPL-3+'],
    purl: 'pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2',
    layer: 0,
    foundIn: 'var/lib/dpkg/status',
    fileList: { kind: 'dpkg-list', path: 'var/lib/dpkg/info/bash.list' },
  });
  assert.equal(libc?.layer, 1);
  assert.equal(libc.purl, 'pkg:deb/debian/libc6@1:2.36?arch=amd64&distro=debian-12');
});

test('readInventory() lists the packages of distroless images', async () => {
  const [found] = await packagesOf({
    'etc/os-release': OS,
    'var/lib/dpkg/status.d/base': 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n',
    'var/lib/dpkg/status.d/base.md5sums': 'd41d8cd98f00b204e9800998ecf8427e  etc/hosts\n',
  });
  assert.equal(found?.name, 'base-files');
  assert.deepEqual(found.fileList, { kind: 'md5sums', path: 'var/lib/dpkg/status.d/base.md5sums' });
});

test('readInventory() lists what apk has installed, and since which layer', async () => {
  const musl = 'C:Q1abc\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1x\n\n';
  const utils = 'P:musl-utils\nV:1.2.5-r0\nA:x86_64\nL:MIT AND BSD-2-Clause\no:musl\nm:A <a@b.c>\nF:usr/bin\nR:ldd\n\n';
  const os = 'ID=alpine\nVERSION_ID=3.20.3\n';
  await using made = await stackOf(
    { 'etc/os-release': os, 'lib/apk/db/installed': musl, 'lib/ld-musl-x86_64.so.1': '' },
    { 'lib/apk/db/installed': musl + utils, 'usr/bin/ldd': '' },
  );
  const { packages, problems } = readInventory(made.stack);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    packages.map(({ name, layer, purl, licences }) => ({ name, layer, purl, licences })),
    [
      {
        name: 'musl',
        layer: 0,
        purl: 'pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3',
        licences: ['MIT'],
      },
      {
        name: 'musl-utils',
        layer: 1,
        purl: 'pkg:apk/alpine/musl-utils@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3&upstream=musl',
        licences: ['MIT AND BSD-2-Clause'],
      },
    ],
  );
  const owners = [...fileOwners(made.stack, packages)].map(([path, { name }]) => [path, name]);
  assert.deepEqual(owners, [
    ['lib/ld-musl-x86_64.so.1', 'musl'],
    ['usr/bin/ldd', 'musl-utils'],
  ]);
});

test('readInventory() lists the modules of npm, and what a lock file says where there are none', async () => {
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': { name: 'app', version: '1.0.0' },
      'node_modules/left-pad': { version: '1.3.0', license: 'WTFPL' },
      'node_modules/a/node_modules/@s/b': { version: '2.0.0' },
      'node_modules/test-only': { version: '9.0.0', dev: true },
    },
  };
  const found = await packagesOf({
    'app/node_modules/express/package.json':
      '{"name":"express","version":"4.0.0","license":{"type":"MIT"},"author":{"name":"T","email":"t@x"}}',
    'app/node_modules/express/lib/package.json': '{"type":"module"}',
    'app/node_modules/express/node_modules/ms/package.json': '{"name":"ms","version":"2.0.0"}',
    'app/node_modules/@types/node/package.json': '{"name":"@types/node","version":"20.1.0","license":"MIT"}',
    'app/package-lock.json': JSON.stringify(lock),
    'bundle/package-lock.json': JSON.stringify(lock),
  });
  assert.deepEqual(
    found.map(({ purl, licences }) => [purl, ...licences]),
    [
      ['pkg:npm/%40s/b@2.0.0'],
      ['pkg:npm/%40types/node@20.1.0', 'MIT'],
      ['pkg:npm/express@4.0.0', 'MIT'],
      ['pkg:npm/left-pad@1.3.0', 'WTFPL'],
      ['pkg:npm/ms@2.0.0'],
    ],
  );
});

test('readInventory() lists distributions of Python: wheels and eggs', async () => {
  const site = 'usr/lib/python3/site-packages';
  await using made = await stackOf({
    [`${site}/Foo_Bar-1.0.dist-info/METADATA`]:
      'Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nClassifier: License :: OSI Approved :: MIT License\n\nName: not this\n',
    [`${site}/Foo_Bar-1.0.dist-info/RECORD`]: 'foo/__init__.py,sha256=x,1\n../../../bin/foo,,\n',
    [`${site}/foo/__init__.py`]: '1',
    'usr/bin/foo': '2',
    [`${site}/old.egg-info`]: 'Name: old\nVersion: 2\nLicense: BSD\n',
    [`${site}/six.egg-info/PKG-INFO`]: 'Name: six\nVersion: 1.16\nLicense-Expression: MIT\n',
  });
  const { packages } = readInventory(made.stack);
  assert.deepEqual(
    packages.map(({ purl, licences }) => [purl, ...licences]),
    [
      ['pkg:pypi/foo-bar@1.0', 'MIT License'],
      ['pkg:pypi/old@2', 'BSD'],
      ['pkg:pypi/six@1.16', 'MIT'],
    ],
  );
  assert.deepEqual([...fileOwners(made.stack, packages).keys()], [`${site}/foo/__init__.py`, 'usr/bin/foo']);
});

test('packageFiles() gives clean paths, and fileOwners() those that files really have', async () => {
  await using made = await stackOf(DEBIAN);
  const { packages } = readInventory(made.stack);
  const [bash] = packages;
  assert.ok(bash !== undefined);
  assert.deepEqual([...packageFiles(made.stack, bash)], ['bin', 'bin/bash', 'usr/share/doc/bash/copyright']);
  const owners = fileOwners(made.stack, packages);
  assert.equal(owners.get('usr/bin/bash'), bash);
  assert.equal(owners.has('bin/bash'), false);
});

test('readInventory() tells what it cannot read and goes on', async () => {
  await using made = await stackOf({
    'etc/os-release': '→ os-release',
    'var/lib/dpkg/status': 'Package: ../x\nStatus: install ok installed\nVersion: 1\n\nnonsense\n',
    'app/node_modules/dup/package.json': '{"name":"a","name":"b","version":"1"}',
    'app/node_modules/deep/package.json': '['.repeat(1000),
    'app/node_modules/number/package.json': '{"name":7,"version":"1"}',
    'app/node_modules/newline/package.json': '{"name":"a\\nb","version":"1"}',
    'app/x.dist-info/METADATA': '\u0000\u0001',
    'var/lib/rpm/rpmdb.sqlite': 'x',
  });
  const { packages, distribution, problems } = readInventory(made.stack);
  assert.deepEqual(packages, []);
  assert.equal(distribution, undefined);
  assert.equal(problems.length, 8);
  assert.match(problems.join('\n'), /rpm are not read/);
});

test('readInventory() never throws for what an image holds', async () => {
  const places = [
    'var/lib/dpkg/status',
    'var/lib/dpkg/status.d/a',
    'lib/apk/db/installed',
    'etc/os-release',
    'a/node_modules/b/package.json',
    'a/package-lock.json',
    'a.dist-info/METADATA',
    'var/lib/dpkg/info/a.list',
    'usr/share/doc/a/copyright',
  ];
  const piece = fc.oneof(
    fc.constantFrom(
      'Package: a\n',
      'Version: 1\n',
      'P:a\n',
      'V:1\n',
      'R:x\n',
      'F:../..\n',
      '\n',
      '{"',
      '":',
      '[',
      ' x\n',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const content = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const files = fc.dictionary(fc.constantFrom(...places), content);
  await fc.assert(
    fc.asyncProperty(files, async (given) => {
      await using made = await stackOf(given);
      const { packages } = readInventory(made.stack);
      fileOwners(made.stack, packages);
    }),
    { numRuns: 40 },
  );
});
