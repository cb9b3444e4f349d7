import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInventory, withDependencies } from './index.ts';
import { stackOf, type LayerFiles } from './packages.fixture.ts';

function dpkg(name: string, fields = ''): string {
  return `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n${fields}`;
}

async function neededBy(files: LayerFiles, ...names: readonly string[]): Promise<readonly string[]> {
  await using made = await stackOf(files);
  const { packages } = readInventory(made.stack);
  const others = packages.filter(({ name }) => names.includes(name));
  return [...withDependencies(made.stack, packages, others)].map(({ name }) => name).toSorted();
}

const DEBIAN: LayerFiles = {
  'var/lib/dpkg/status': [
    dpkg('web', 'Depends: libweb1 (>= 1.2), mail-agent | small-mailer,\n perl:any\nRecommends: web-doc\n'),
    dpkg('libweb1', 'Pre-Depends: libc6 (>= 2.36)\n'),
    dpkg('libc6', 'Depends: web\n'),
    dpkg('big-mailer', 'Provides: mail-agent (= 1), other\n'),
    dpkg('small-mailer'),
    dpkg('perl'),
    dpkg('web-doc'),
    dpkg('gcc', 'Depends: libc6\n'),
  ].join('\n'),
};

test('withDependencies() finds what a package of dpkg needs, through others and through what they provide', async () => {
  const needed = ['big-mailer', 'libc6', 'libweb1', 'perl', 'small-mailer', 'web'];
  assert.deepEqual(await neededBy(DEBIAN, 'web'), needed);
  assert.deepEqual(await neededBy(DEBIAN, 'gcc'), ['gcc', ...needed].toSorted());
  assert.deepEqual(await neededBy(DEBIAN, 'web-doc'), ['web-doc']);
  assert.deepEqual(await neededBy(DEBIAN), []);
});

test('withDependencies() reads what distroless images have in place of the status file', async () => {
  const files = {
    'var/lib/dpkg/status.d/a': dpkg('a', 'Depends: b\n'),
    'var/lib/dpkg/status.d/b': dpkg('b'),
    'var/lib/dpkg/status.d/c': dpkg('c'),
  };
  assert.deepEqual(await neededBy(files, 'a'), ['a', 'b']);
});

test('withDependencies() finds what a package of apk needs, by names, libraries and commands', async () => {
  const database = [
    'P:web\nV:1-r0\nD:so:libweb.so.1 cmd:sh>=1 tool~2 pinned@edge !other\n',
    'P:libweb\nV:1-r0\np:so:libweb.so.1=1.2\nD:so:libc.musl-x86_64.so.1\n',
    'P:musl\nV:1-r0\np:so:libc.musl-x86_64.so.1=1\n',
    'P:busybox\nV:1-r0\np:cmd:busybox=1 cmd:sh=1\n',
    'P:tool\nV:2-r0\n',
    'P:pinned\nV:1-r0\n',
    'P:other\nV:1-r0\n',
  ].join('\n');
  const needed = ['busybox', 'libweb', 'musl', 'pinned', 'tool', 'web'];
  assert.deepEqual(await neededBy({ 'lib/apk/db/installed': database }, 'web'), needed);
});
