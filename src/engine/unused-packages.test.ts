import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { stackOf, type LayerFiles } from '../packages/packages.fixture.ts';
import { packageNames, unusedPackages } from './unused-packages.ts';

interface TestPackage {
  readonly name: string;
  readonly version?: string;
  /** Lines of its paragraph. */
  readonly fields?: string;
  readonly files?: LayerFiles;
  /** In its list only: folders. */
  readonly folders?: readonly string[];
}

/** The layers of an image: each has the packages of those below too, in its database. */
function layersOf(...layers: readonly (readonly TestPackage[])[]): LayerFiles[] {
  let installed: readonly TestPackage[] = [];
  return layers.map((packages) => {
    const names = new Set(packages.map(({ name }) => name));
    installed = [...installed.filter(({ name }) => !names.has(name)), ...packages];
    const status = installed.map(
      ({ name, version = '1', fields = '' }) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${fields}`,
    );
    const lists = packages.map(({ name, files = {}, folders = [] }) => {
      const lines = ['/.', ...[...folders, ...Object.keys(files)].map((path) => `/${path}`)];
      return [`var/lib/dpkg/info/${name}.list`, `${lines.join('\n')}\n`] as const;
    });
    return {
      ...Object.assign({}, ...packages.map(({ files = {} }) => files)),
      'var/lib/dpkg/status': status.join('\n'),
      ...Object.fromEntries(lists),
    };
  });
}

async function unusedOf(
  layers: readonly LayerFiles[],
  opened: readonly string[],
  baseLayers = 1,
): Promise<readonly string[]> {
  await using base = await stackOf(...layers.slice(0, baseLayers));
  await using made = await stackOf(...layers);
  const found = unusedPackages(made.stack, opened, { names: packageNames(base.stack), layers: baseLayers });
  return found.map(({ name, bytes, layer }) => `${name} ${bytes} ${layer}`);
}

const BASE: TestPackage = { name: 'libc6', files: { 'usr/lib/libc.so.6': 'c' } };
const CURL: TestPackage = { name: 'curl', files: { 'usr/bin/curl': 'curl', 'usr/share/doc/curl/copyright': 'c' } };
const GCC: TestPackage = { name: 'gcc', files: { 'usr/bin/gcc': '12345678', 'usr/lib/gcc/cc1': '12' } };
const MAKE: TestPackage = { name: 'make', files: { 'usr/bin/make': '123' } };

test('packages of which no file was opened are unused, with their bytes and layers, the largest first', async () => {
  const layers = layersOf([BASE], [CURL, MAKE], [GCC]);
  assert.deepEqual(await unusedOf(layers, ['/usr/bin/curl', '/usr/lib/libc.so.6']), ['gcc 10 2', 'make 3 1']);
  assert.deepEqual(await unusedOf(layers, ['/usr/bin/make', '/usr/lib/gcc/cc1']), ['curl 5 1']);
});

test('packages of the base are not told, also where a step brought them in a newer version', async () => {
  const layers = layersOf([BASE, MAKE], [{ ...MAKE, version: '2' }, GCC]);
  assert.deepEqual(await unusedOf(layers, ['/usr/lib/libc.so.6']), ['gcc 10 1']);
});

test('what a used package depends on is not told, through other packages; what an unused one does is', async () => {
  const layers = layersOf(
    [BASE],
    [
      { ...CURL, fields: 'Depends: libcurl4\n' },
      { name: 'libcurl4', fields: 'Depends: publicsuffix\n', files: { 'usr/lib/libcurl.so.4': '1' } },
      { name: 'publicsuffix', files: { 'usr/share/publicsuffix/list': '1' } },
      { ...GCC, fields: 'Depends: cpp\n' },
      { name: 'cpp', files: { 'usr/bin/cpp': '1' } },
    ],
  );
  assert.deepEqual(await unusedOf(layers, ['/usr/bin/curl']), ['gcc 10 1', 'cpp 1 1']);
});

test('a package without files is not told, and what it brought along is', async () => {
  const meta = {
    name: 'build-essential',
    fields: 'Depends: gcc, make\n',
    files: { 'usr/share/doc/build-essential/copyright': 'c', 'usr/share/doc/build-essential/changelog.gz': 'c' },
  };
  const layers = layersOf([BASE], [CURL, meta, GCC, MAKE]);
  assert.deepEqual(await unusedOf(layers, ['/usr/bin/curl']), ['gcc 10 1', 'make 3 1']);
});

test('a package of links is used where one leads to what was opened; one with files of its own is not', async () => {
  const layers = layersOf(
    [BASE],
    [
      { name: 'python3', files: { 'usr/bin/python3.11': 'py' } },
      { name: 'python-is-python3', files: { 'usr/bin/python': '→ python3.11' } },
      { name: 'python-is-perl', files: { 'usr/bin/other': '→ perl' } },
      { name: 'libpython3-dev', files: { 'usr/lib/python.so': '→ ../bin/python3.11', 'usr/include/python.h': '12' } },
    ],
  );
  assert.deepEqual(await unusedOf(layers, ['/usr/bin/python3.11']), ['libpython3-dev 2 1', 'python-is-perl 0 1']);
});

test('what an install script made counts for the packages that have its folder, and a compiled module for its source', async () => {
  const [base = {}, step = {}] = layersOf(
    [BASE],
    [
      { name: 'ca-certificates', folders: ['etc/ssl/certs'], files: { 'usr/share/ca-certificates/a.crt': '1' } },
      { name: 'python3-yaml', files: { 'usr/lib/python3/dist-packages/yaml/__init__.py': '1' } },
      { name: 'python3-toml', files: { 'usr/lib/python3/dist-packages/toml/__init__.py': '12' } },
      ...['w', 'x', 'y', 'z'].map((name) => ({ name, folders: ['etc'], files: { [`usr/bin/${name}`]: '1' } })),
    ],
  );
  const made = {
    'etc/ssl/certs/ca-certificates.crt': 'all',
    'usr/lib/python3/dist-packages/yaml/__pycache__/__init__.cpython-311.pyc': 'compiled',
    'etc/app.conf': 'anybody',
  };
  const layers = [base, { ...step, 'etc/ssl/certs/x': 'x', ...made }];
  const opened = Object.keys(made).map((path) => `/${path}`);
  assert.deepEqual(await unusedOf(layers, opened), ['python3-toml 2 1', 'w 1 1', 'x 1 1', 'y 1 1', 'z 1 1']);
});

test('packages of apk are told like those of dpkg', async () => {
  const base = 'P:musl\nV:1-r0\nF:lib\nR:ld-musl.so.1\n';
  const tool = 'P:tool\nV:1-r0\nD:so:libtool.so.1\nF:usr/bin\nR:tool\n';
  const library = 'P:libtool\nV:1-r0\np:so:libtool.so.1=1\nF:usr/lib\nR:libtool.so.1\n';
  const extra = 'P:extra\nV:1-r0\nF:usr/bin\nR:extra\n';
  const layers = [
    { 'lib/apk/db/installed': base, 'lib/ld-musl.so.1': 'm' },
    {
      'lib/apk/db/installed': [base, tool, library, extra].join('\n'),
      'usr/bin/tool': '1',
      'usr/lib/libtool.so.1': '1',
      'usr/bin/extra': '1234',
    },
  ];
  assert.deepEqual(await unusedOf(layers, ['/usr/bin/tool']), ['extra 4 1']);
  assert.deepEqual(await unusedOf(layers, ['/lib/ld-musl.so.1']), ['extra 4 1', 'libtool 1 1', 'tool 1 1']);
});

test('a trace of another image is refused: all that was opened is in the image, as a file', async () => {
  const layers = layersOf([BASE], [CURL]);
  for (const opened of [[], ['/usr/bin/curl', '/usr/bin/wget'], ['/usr/bin']])
    await assert.rejects(unusedOf(layers, opened), (error) => isShaleError(error, 'TRACE_FOREIGN'));
});
