import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { HttpFetcher } from '../fetch.ts';
import { missingForTestHost, TestHost } from '../test-host.ts';
import { parseDependency } from './dependency.ts';
import { type AlpineBase, makeAlpineBase } from './make-alpine-base.ts';
import type { AlpineBaseOptions } from './options.ts';
import { readSignedIndex } from './package-index.ts';
import { loadAlpineKeys } from './keys.ts';
import { resolveWorld } from './resolve.ts';
import { makeSigner, packIndex, packApk, type TestApk } from './packed-apk.fixture.ts';
import { findMinirootfs, repackInstalled, unpackMinirootfs, writeRepository } from './minirootfs.fixture.ts';
import { compareApkVersions } from './version.ts';

// The real apk, of Alpine's minimal root file system, says what is right. Its packages are packed again and signed by a
// key of the test; others are made up.
const folder = mkdtempSync(join(tmpdir(), 'shale-alpine-'));
const root = join(folder, 'alpine');
const minirootfs = findMinirootfs();
const missing =
  missingForTestHost() ?? (minirootfs === undefined ? 'no minirootfs of Alpine in SHALE_SHARED' : undefined);
const signer = makeSigner();
const fetcher = new HttpFetcher({ userAgent: 'shale-test' });
let installed: TestApk[] = [];

before(() => {
  if (missing !== undefined || minirootfs === undefined) return;
  unpackMinirootfs(minirootfs, root);
  installed = repackInstalled(root);
  mkdirSync(join(root, 't/keys'), { recursive: true });
  writeFileSync(join(root, 't/keys', signer.name), signer.pem);
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function skips(t: TestContext): boolean {
  if (missing !== undefined) t.skip(missing);
  return missing !== undefined;
}

function apk(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('chroot', [root, 'apk', ...args], { encoding: 'latin1' });
  return { status, output: `${stdout}${stderr}` };
}

/** Installs with the real apk into a new root, and gives the order in which it did. */
function installWithApk(name: string, repositories: readonly string[], ...args: readonly string[]): string[] {
  const { status, output } = apk(
    'add',
    '--root',
    `/t/${name}`,
    '--initdb',
    '--keys-dir',
    '/t/keys',
    '--arch',
    'x86_64',
    '--no-cache',
    ...repositories.flatMap((each) => ['-X', each]),
    ...args,
  );
  if (status !== 0 && !args.includes('--simulate')) assert.fail(output);
  return [...output.matchAll(/^\(\d+\/\d+\) Installing (\S+) \((\S+)\)/gm)].map(
    ([, each, version]) => `${each?.replace(/@.*/, '')}-${version}`,
  );
}

async function make(
  name: string,
  options: Partial<AlpineBaseOptions>,
): Promise<{ readonly base: AlpineBase; readonly ours: string }> {
  const host = new TestHost(join(folder, name), fetcher);
  const base = await makeAlpineBase(
    {
      architecture: 'x86_64',
      branch: 'v3.20',
      mirror: 'http://unused.example',
      keyFolder: join(root, 't/keys'),
      scripts: 'container',
      tool: 'test',
      ...options,
    },
    host,
  );
  const ours = join(root, 't', `${name}-ours`);
  mkdirSync(ours);
  const { status, stderr } = spawnSync('tar', [
    '-xpf',
    host.lastLayer ?? '',
    '-C',
    ours,
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
  ]);
  assert.equal(status, 0, stderr.toString());
  return { base, ours };
}

/** Everything in a folder, with kind, mode, owner, size and target. */
function list(place: string): string[] {
  const { stdout } = spawnSync('find', ['.', '-printf', '%p %y %m %U:%G %l\\n'], { cwd: place, encoding: 'latin1' });
  return stdout.split('\n').toSorted();
}

// Nodes that a container gets anyway; where scripts were run; the keys and addresses that ours is told of; dates.
const INTENDED =
  /^\.\/(dev\/(console|null|random|urandom|zero)|lib\/apk\/exec|etc\/apk\/(keys(\/test-1\.rsa\.pub)?|repositories|arch)|var\/cache\/(apk|misc)) /;

function assertSameSystem(ours: string, theirs: string): void {
  const strip = (lines: readonly string[]): string[] => lines.filter((line) => !INTENDED.test(line));
  assert.deepEqual(strip(list(ours)), strip(list(theirs)));
  for (const file of ['installed', 'triggers'])
    assert.equal(
      readFileSync(join(ours, 'lib/apk/db', file), 'latin1'),
      readFileSync(join(theirs, 'lib/apk/db', file), 'latin1'),
      file,
    );
  assert.equal(readFileSync(join(ours, 'etc/apk/world'), 'utf8'), readFileSync(join(theirs, 'etc/apk/world'), 'utf8'));
  const scripts = (place: string): string =>
    spawnSync('tar', ['-tf', join(place, 'lib/apk/db/scripts.tar')], { encoding: 'latin1' }).stdout;
  assert.equal(scripts(ours), scripts(theirs));
  const differing = spawnSync('diff', ['-rq', '--no-dereference', ours, theirs], { encoding: 'latin1' })
    .stdout.split('\n')
    .filter((line) => line.startsWith('Files ') && !/scripts\.tar |etc\/shadow/.test(line));
  assert.deepEqual(differing, []);
}

test('compareApkVersions() agrees with the real apk on all pairs of many versions', (t) => {
  if (skips(t)) return;
  const versions = [
    '0',
    '1',
    '1.0',
    '1.00',
    '1.01',
    '1.10',
    '1.2',
    '1.2a',
    '1.2a1',
    '1.2_alpha',
    '1.2_beta3',
    '1.2_rc1',
    '1.2_rc1_p1',
    '1.2_cvs',
    '1.2_git20240101',
    '1.2_p1-r3',
    '1.2-r1',
    '1.2-r10',
    '1.',
    '1..2',
    '1.2.0',
    '1.002',
  ];
  const pairs = versions.flatMap((a) => versions.map((b) => `${a} ${b}`));
  const { stdout } = spawnSync('chroot', [root, '/bin/sh', '-c', 'while read a b; do apk version -t "$a" "$b"; done'], {
    input: `${pairs.join('\n')}\n`,
    encoding: 'latin1',
  });
  const ours = pairs.map((pair) => {
    const [a = '', b = ''] = pair.split(' ');
    const order = compareApkVersions(a, b);
    return `${pair} ${order < 0 ? '<' : order > 0 ? '>' : '='}`;
  });
  assert.deepEqual(
    ours,
    stdout
      .trim()
      .split('\n')
      .map((sign, i) => `${pairs[i]} ${sign}`),
  );
});

test('makeAlpineBase() makes the minimal system as the real apk installs it, file by file and with its database', async (t) => {
  if (skips(t)) return;
  writeRepository(join(root, 't/main'), installed, signer);
  const order = installWithApk(
    'minimal',
    ['/t/main'],
    'alpine-baselayout',
    'alpine-keys',
    'apk-tools',
    'busybox',
    'libc-utils',
  );
  const { base, ours } = await make('minimal', { repositories: [join(root, 't/main')] });
  assert.deepEqual(
    base.packages.map(({ name, version }) => `${name}-${version}`),
    order,
  );
  assertSameSystem(ours, join(root, 't/minimal'));

  // The apk in the image agrees.
  const inside = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync('chroot', [ours, 'apk', '--no-network', ...args], {
      encoding: 'latin1',
    });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  assert.deepEqual(inside('info', '-v').trim().split('\n').toSorted(), order.toSorted());
  // What the scripts changed, and nothing else: users that they added, and today's date.
  assert.match(inside('audit', '--system'), /^(A [^\n]*\n|U etc\/(group|passwd|shadow)-?\n)*$/);
  cpSync(join(root, 't/main'), join(ours, 'main'), { recursive: true });
  assert.match(inside('fix', '--simulate', '-X', '/main'), /^OK:/m);
  assert.match(inside('fix', '--reinstall', '-X', '/main', 'zlib'), /Reinstalling zlib/);

  const again = await make('minimal-again', { repositories: [join(root, 't/main')] });
  assert.equal(again.base.layer.diffId, base.layer.diffId);
});

const file = (path: string, content = path): { path: string; content: string } => ({ path, content });

/** Packages with everything that a resolver has to choose between. */
const MADE_UP: readonly TestApk[] = [
  { name: 'app', version: '1.0-r0', depends: 'so:libx.so.1 cmd:tool service', files: [file('usr/bin/app')] },
  { name: 'app', version: '1.1-r0', depends: 'so:libx.so.1 cmd:tool service !rival', files: [file('usr/bin/app')] },
  { name: 'libx', version: '1.0-r0', provides: 'so:libx.so.1=1.0.0', files: [file('usr/lib/libx.so.1.0.0')] },
  { name: 'libx', version: '1.2-r0', provides: 'so:libx.so.1=1.2.0', files: [file('usr/lib/libx.so.1.2.0')] },
  { name: 'libx-compat', version: '9-r0', provides: 'so:libx.so.1=1.1.0', files: [file('usr/lib/libx-compat.so')] },
  { name: 'tool-a', version: '3-r0', provides: 'cmd:tool=3-r0', providerPriority: 10, files: [file('usr/bin/tool-a')] },
  { name: 'tool-b', version: '3-r0', provides: 'cmd:tool=3-r0', providerPriority: 20, files: [file('usr/bin/tool-b')] },
  { name: 'service-one', version: '1-r0', provides: 'service', providerPriority: 5, files: [file('etc/service-one')] },
  { name: 'service-two', version: '1-r0', provides: 'service', providerPriority: 50, files: [file('etc/service-two')] },
  { name: 'service-none', version: '1-r0', provides: 'service lonely', files: [file('etc/service-none')] },
  { name: 'rival', version: '1-r0', files: [file('etc/rival')] },
  { name: 'wants-lonely', version: '1-r0', depends: 'lonely', files: [file('etc/wants-lonely')] },
  { name: 'wants-both', version: '1-r0', depends: 'lonely service-none', files: [file('etc/wants-both')] },
  { name: 'app-doc', version: '1.1-r0', installIf: 'docs app=1.1-r0', files: [file('usr/share/app-doc')] },
  { name: 'app-extra', version: '1.1-r0', installIf: 'docs rival', files: [file('usr/share/app-extra')] },
  { name: 'docs', version: '1-r0', depends: 'service', files: [file('etc/docs')] },
  { name: 'older', version: '1-r0', depends: 'app<1.1', files: [file('etc/older')] },
  { name: 'exact', version: '1-r0', depends: 'libx=1.0-r0', files: [file('etc/exact')] },
  { name: 'about', version: '1-r0', depends: 'libx~1.0', files: [file('etc/about')] },
  { name: 'meta', version: '1-r0', depends: 'app docs', installedBytes: 0 },
  { name: 'replaced', version: '1-r0', files: [file('etc/shared', 'old')] },
  {
    name: 'replacer',
    version: '2-r0',
    replaces: 'replaced',
    replacesPriority: 2,
    depends: 'replaced',
    files: [file('etc/shared', 'new')],
  },
  { name: 'cycle-a', version: '1-r0', depends: 'cycle-b', files: [file('etc/cycle-a')] },
  { name: 'cycle-b', version: '1-r0', depends: 'cycle-a', files: [file('etc/cycle-b')] },
];

const WORLDS: readonly string[] = [
  'app',
  'app rival',
  'app libx-compat',
  'app tool-a',
  'app service-one',
  'app docs',
  'app docs rival',
  'meta',
  'older',
  'exact app',
  'about',
  'wants-lonely',
  'wants-both',
  'app<1.1',
  'app~1.0 docs',
  'libx<1.2',
  'app !docs',
  'docs !service-two',
  'rival docs',
  'cycle-b',
  'app=1.1-r0 older',
  'nothing',
  'app=7',
];

// apk takes the newest app, and does not take that back when another package rules it out.
const WHERE_APK_GIVES_UP: Readonly<Record<string, readonly string[]>> = {
  'app rival': ['libx-1.2-r0', 'tool-b-3-r0', 'service-two-1-r0', 'app-1.0-r0', 'rival-1-r0'],
  'app docs rival': [
    'libx-1.2-r0',
    'tool-b-3-r0',
    'service-two-1-r0',
    'app-1.0-r0',
    'docs-1-r0',
    'rival-1-r0',
    'app-extra-1.1-r0',
  ],
};

for (const world of WORLDS) {
  test(`resolveWorld() chooses for "${world}" what the real apk does, in its order`, async (t) => {
    if (skips(t)) return;
    if (!existsSync(join(root, 't/made-up'))) {
      writeRepository(join(root, 't/made-up'), MADE_UP, signer);
      installWithApk('simulated', []);
    }
    const words = world.split(' ');
    const theirs = installWithApk('simulated', ['/t/made-up'], '--simulate', ...words);
    const keys = await loadAlpineKeys({ folder: join(root, 't/keys'), architecture: 'x86_64' });
    const bytes = packIndex(
      MADE_UP.map((each) => packApk(each, signer)),
      signer,
    );
    const { packages } = readSignedIndex(bytes, { keys, what: 'index', repository: 0 });
    const choose = (): string[] =>
      resolveWorld({ packages, world: words.map(parseDependency), tags: [undefined] }).map(
        ({ name, version }) => `${name}-${version}`,
      );
    const found = WHERE_APK_GIVES_UP[world];
    if (found !== undefined) assert.deepEqual([theirs, choose()], [[], found]);
    else if (theirs.length === 0) assert.throws(choose, { code: 'DEPENDENCY_UNSATISFIED' });
    else assert.deepEqual(choose(), theirs);
  });
}

test('makeAlpineBase() gives users, replaced files, links, attributes, triggers and tagged repositories as the real apk', async (t) => {
  if (skips(t)) return;
  const owner = { user: 'web', group: 'web', uid: 4242, gid: 4242 };
  const more: readonly TestApk[] = [
    {
      name: 'web',
      version: '1.0-r0',
      depends: '/bin/sh hook',
      scripts: {
        'pre-install': '#!/bin/sh\naddgroup -S -g 101 web\nadduser -S -D -H -u 101 -G web web\nexit 0\n',
        'post-install': '#!/bin/sh\necho "$1" > /etc/web-version\nln -s web /usr/bin/web-link\nexit 0\n',
      },
      files: [
        { path: 'usr/bin/web', content: 'web', mode: 0o4755 },
        { path: 'usr/bin/web-too', hardlink: 'usr/bin/web', mode: 0o4755 },
        { path: 'var/lib/web/', mode: 0o750, owner },
        { path: 'var/lib/web/data', content: 'data', mode: 0o640, owner },
        { path: 'var/lib/web/.keep_web', content: '' },
        { path: 'usr/lib/web.so', symlink: '../bin/web' },
        { path: 'usr/bin/pinger', content: 'p', mode: 0o755, xattrs: { 'user.kind': 'test' } },
      ],
    },
    {
      name: 'hook',
      version: '2-r0',
      triggers: '/var/lib/* /usr/bin',
      depends: '/bin/sh',
      scripts: { trigger: '#!/bin/sh\nfor each in "$@"; do echo "$each"; done | sort > /etc/hooked\n' },
      files: [file('usr/share/hook', 'h')],
    },
    ...MADE_UP,
  ];
  writeRepository(join(root, 't/base'), installed, signer);
  writeRepository(join(root, 't/more'), more, signer);
  writeRepository(
    join(root, 't/edge'),
    [
      { name: 'web', version: '2.0-r0', files: [file('usr/bin/web2')] },
      { name: 'fresh', version: '1-r0', depends: 'web', files: [file('etc/fresh')] },
    ],
    signer,
  );
  const world = ['busybox', 'alpine-baselayout', 'web', 'replacer', 'meta', 'fresh@edge'];
  const order = installWithApk('rich', ['/t/base', '/t/more', '@edge /t/edge'], ...world);
  const repositories = [join(root, 't/base'), join(root, 't/more'), `@edge ${join(root, 't/edge')}`];
  const { base, ours } = await make('rich', { repositories, packages: world });
  assert.deepEqual(
    base.packages.map(({ name, version }) => `${name}-${version}`),
    order,
  );
  assertSameSystem(ours, join(root, 't/rich'));
  assert.equal(readFileSync(join(ours, 'etc/hooked'), 'utf8').includes('/var/lib/web'), true);
});
