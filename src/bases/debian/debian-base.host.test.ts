import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { readTar } from '../../archive/index.ts';
import { collect } from '../../base/index.ts';
import { HttpFetcher } from '../fetch.ts';
import { contentBytes } from '../rootfs/layer-of-tree.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode, Tree } from '../rootfs/tree.ts';
import { missingForTestHost, TestHost } from '../test-host.ts';
import { chooseMirror, parseAptSources } from './apt-sources.ts';
import { fetchPackage, readPackages, readRelease } from './archive.ts';
import { DebReader } from './deb-reader.ts';
import { loadDebianKeys } from './debian-keys.ts';
import { dpkgDatabase } from './dpkg-database.ts';
import { readHostAptSources } from './host-sources.ts';
import { type BaseImage, makeDebianBase } from './make-debian-base.ts';
import { PackagesIndex } from './packages-index.ts';
import { makePathFilter, SLIM_RULES } from './path-filter.ts';
import { resolveMinimal } from './resolve.ts';
import { Unpacker } from './unpack.ts';

const folder = mkdtempSync(join(tmpdir(), 'shale-debian-'));
const fetcher = new HttpFetcher({ userAgent: 'shale-test' });
let mirror = '';
let unreachable: string | undefined = missingForTestHost();

before(async () => {
  if (unreachable !== undefined) return;
  try {
    mirror = chooseMirror({
      option: undefined,
      configured: process.env['SHALE_MIRROR_DEBIAN'],
      sources: parseAptSources(await readHostAptSources()),
    });
    await collect(await fetcher.fetch(`${mirror}/dists/stable/InRelease`, undefined), 16_000_000, 'InRelease');
  } catch (error) {
    unreachable = `no Debian mirror: ${String(error)}`;
  }
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** True, and the test marked, when something is missing. */
function skips(t: TestContext, ...programs: readonly string[]): boolean {
  const absent = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  const why = unreachable ?? (absent.length > 0 ? `${absent.join(', ')} not installed` : undefined);
  if (why !== undefined) t.skip(why);
  return why !== undefined;
}

async function readIndex(host: TestHost, suite: string): Promise<PackagesIndex> {
  const where = { mirror, suite };
  const trust = { keyring: await loadDebianKeys([]), checkValidUntil: false, signal: undefined };
  const index = new PackagesIndex('amd64');
  await readPackages(host, where, await readRelease(host, where, trust), index, {
    architecture: 'amd64',
    signal: undefined,
  });
  return index;
}

// The mirror may change sid between the two.
for (const suite of ['bookworm', 'trixie', ...(process.env['SHALE_TEST_LONG'] === '1' ? ['sid'] : [])]) {
  test(`resolveMinimal() chooses for ${suite} what mmdebstrap does for minbase`, async (t) => {
    if (skips(t, 'mmdebstrap')) return;
    const index = await readIndex(new TestHost(folder, fetcher), suite);
    const ours = resolveMinimal(index, { architecture: 'amd64', include: [], exclude: [] });
    const peer = spawnSync(
      'mmdebstrap',
      [
        '--simulate',
        '--verbose',
        '--variant=minbase',
        '--architectures=amd64',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        suite,
        '/dev/null',
        mirror,
      ],
      { encoding: 'latin1' },
    );
    assert.equal(peer.status, 0, peer.stderr);
    const names = new Set(
      [...`${peer.stdout}${peer.stderr}`.matchAll(/^Inst (\S+) \((\S+) /gm)].map(
        ([, name, version]) => `${name} ${version}`,
      ),
    );
    assert.deepEqual(ours.packages.map((each) => `${each.name} ${each.version}`).toSorted(), [...names].toSorted());
  });
}

test('Unpacker leaves files, status and lists as dpkg --unpack does, also with filters', async (t) => {
  if (skips(t, 'dpkg')) return;
  const host = new TestHost(folder, fetcher);
  const index = await readIndex(host, 'trixie');
  // Packages without a preinst: dpkg would want a whole system to run it in.
  const names = [
    'bash',
    'coreutils',
    'libc-bin',
    'perl-base',
    'util-linux',
    'debianutils',
    'libpam-runtime',
    'ncurses-base',
  ];
  const debs = await Promise.all(
    names.map((name) => fetchPackage(host, index.find(name) ?? assert.fail(name), undefined)),
  );
  const peer = join(folder, 'dpkg');
  for (const name of ['info', 'updates']) mkdirSync(join(peer, 'var/lib/dpkg', name), { recursive: true });
  writeFileSync(join(peer, 'var/lib/dpkg/status'), '');
  const filters = SLIM_RULES.map((rule) => `--path-${rule.kind}=${rule.pattern}`);
  const copies = debs.map((path, i) => {
    const copy = join(folder, `${names[i]}.deb`);
    writeFileSync(copy, readFileSync(path));
    return copy;
  });
  const dpkg = spawnSync(
    'dpkg',
    [
      `--root=${peer}`,
      '--force-script-chrootless',
      '--force-depends',
      '--force-unsafe-io',
      '--log=/dev/null',
      ...filters,
      '--unpack',
      ...copies,
    ],
    { encoding: 'latin1' },
  );
  assert.equal(dpkg.status, 0, dpkg.stderr);

  const tree = new Tree(plainInode('directory', 0o755, 0n));
  using tar = new TarFileWriter(join(folder, 'ours.tar'));
  await using reader = new DebReader(2);
  const unpacker = new Unpacker({ tree, tar, isSkipped: makePathFilter(SLIM_RULES), mtimeNs: 0n });
  const packages = [];
  for (const contents of debs.map((path) => reader.open(path))) packages.push(await unpacker.add(await contents));
  tar.finish();

  const listed = spawnSync(
    'find',
    [peer, '-mindepth', '1', '-not', '-path', '*/var/lib/dpkg*', '-printf', '%P %y %m %s %l\\n'],
    { encoding: 'latin1' },
  ).stdout;
  const theirs = new Map(
    listed
      .trim()
      .split('\n')
      .map((line) => [line.split(' ', 1)[0] ?? '', line.split(' ').slice(1).join(' ')]),
  );
  // Ours has configuration files in their places too, for scripts that run before dpkg --configure.
  const extra = new Set(packages.flatMap((each) => each.conffiles.map((path) => path.slice(1))));
  for (const [path, inode] of tree.entries()) {
    if (path === '' || extra.has(path)) continue;
    const kind = { directory: 'd', file: 'f', symlink: 'l', character: 'c', block: 'b', fifo: 'p' }[inode.kind];
    const size =
      inode.content === undefined
        ? inode.kind === 'symlink'
          ? inode.linkTarget.length
          : undefined
        : contentBytes(inode.content).length;
    const found = theirs.get(path) ?? 'absent';
    const [type, mode, bytes, link] = found.split(' ');
    assert.deepEqual([kind, inode.mode.toString(8), inode.linkTarget], [type, mode, link ?? ''], path);
    if (size !== undefined) assert.equal(size, Number(bytes), path);
    theirs.delete(path);
  }
  theirs.delete('var');
  theirs.delete('var/lib');
  assert.deepEqual(
    [...theirs.keys()].filter((path) => !path.startsWith('var/lib/dpkg')),
    [],
  );
  for (const file of dpkgDatabase(packages, 'amd64')) {
    const name = file.path.slice('var/lib/dpkg/'.length);
    if (!/^(status$|info\/)/.test(name)) continue;
    const expected = readFileSync(join(peer, file.path), 'latin1');
    const text = typeof file.content === 'string' ? file.content : Buffer.from(file.content).toString('latin1');
    if (name === 'status') assert.deepEqual(statusFields(text), statusFields(expected));
    else assert.equal(text, expected, name);
  }
});

/** The paragraphs as sorted lines: dpkg has an order of fields of its own, which it restores when it first writes. */
function statusFields(text: string): string[][] {
  return text
    .trim()
    .split('\n\n')
    .map((each) => each.split(/\n(?! )/).toSorted());
}

/** What a layer has, by path: kind, attributes and content. */
async function listTar(path: string): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  for await (const { entry, content } of readTar(createReadStream(path))) {
    const hash = createHash('sha256');
    for await (const chunk of content) hash.update(chunk);
    const what =
      entry.kind === 'hardlink'
        ? 'hard link'
        : `${entry.kind} ${entry.linkTarget} ${entry.kind === 'file' ? hash.digest('hex') : ''}`;
    entries.set(entry.path, `${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${what}`);
  }
  return entries;
}

// What we leave out or set on purpose; everything else must be as mmdebstrap has it.
const INTENDED =
  /^(dev|$|etc\/(hostname|resolv\.conf|shadow|apt\/sources\.list|apt\/apt\.conf\.d\/(docker-|99mmdebstrap)|dpkg\/dpkg\.cfg\.d\/(docker|99mmdebstrap))|usr\/sbin\/policy-rc\.d|var\/(cache\/apt\/|cache\/debconf\/.*-old|lib\/apt\/(lists\/|extended_states)|lib\/dpkg\/(lock|available|statoverride|.*-old|triggers\/Lock)))/;

const MERGED_USR_HOOKS = '/usr/share/mmdebstrap/hooks/merged-usr';
/**
 * Folders stay for scripts which put links into them, as in an image that is slimmed when it is finished: the dash of
 * bookworm diverts a manual page there, which it does not where the folder is missing.
 */
const MANUALS = /^usr\/share\/man\/man\d(\/sh\.1\.gz)?$|^var\/lib\/dpkg\/diversions$/;
const LONG = process.env['SHALE_TEST_LONG'] === '1';

for (const { suite, slim, isLong } of [
  { suite: 'trixie', slim: false, isLong: false },
  { suite: 'trixie', slim: true, isLong: true },
  { suite: 'bookworm', slim: false, isLong: true },
  { suite: 'bookworm', slim: true, isLong: true },
]) {
  test(
    `makeDebianBase() makes the same layer of ${suite}${slim ? ', slim,' : ''} twice, and the same files as mmdebstrap`,
    { timeout: 600_000, skip: isLong && !LONG && '--long' },
    async (t) => {
      if (skips(t, 'mmdebstrap')) return;
      const make = async (
        name: string,
        now: () => Date,
      ): Promise<{ readonly image: BaseImage; readonly path: string }> => {
        const host = new TestHost(join(folder, `${name}-${suite}-${slim}`), fetcher, now);
        const image = await makeDebianBase(
          { suite, slim, architecture: 'amd64', mirror, isSnapshot: true, scripts: 'container', tool: 'test' },
          host,
        );
        return { image, path: host.lastLayer ?? '' };
      };
      const first = await make('first', () => new Date());
      const second = await make('a-second-folder-with-a-longer-name', () => new Date(Date.now() + 86_400_000));
      assert.equal(second.image.layer.diffId, first.image.layer.diffId);
      assert.equal(existsSync(first.path), true);

      const peer = join(folder, `peer-${suite}-${slim}.tar`);
      const filters = slim ? SLIM_RULES.map((rule) => `--dpkgopt=path-${rule.kind}=${rule.pattern}`) : [];
      // Without it mmdebstrap merges the /usr of bookworm by a package, which brings perl.
      const hooks = suite === 'bookworm' ? [`--hook-dir=${MERGED_USR_HOOKS}`] : [];
      const made = spawnSync(
        'mmdebstrap',
        ['--mode=root', '--variant=minbase', ...hooks, ...filters, suite, peer, mirror],
        {
          encoding: 'latin1',
        },
      );
      assert.equal(made.status, 0, made.stderr);
      const [ours, theirs] = [await listTar(first.path), await listTar(peer)];
      const differing = [...new Set([...ours.keys(), ...theirs.keys()])].filter(
        (path) => !INTENDED.test(path) && !(slim && MANUALS.test(path)) && ours.get(path) !== theirs.get(path),
      );
      assert.deepEqual(
        differing.map((path) => `${path}: ${ours.get(path)} and ${theirs.get(path)}`),
        [],
      );
      assert.ok(ours.size > (slim ? 2000 : 4000));
    },
  );
}

test(
  'makeDebianBase() makes a slim bookworm with merged /usr, in which apt and dpkg are content',
  { timeout: 300_000 },
  async (t) => {
    if (skips(t)) return;
    const host = new TestHost(join(folder, 'slim'), fetcher);
    await makeDebianBase(
      {
        suite: 'bookworm',
        slim: true,
        architecture: 'amd64',
        mirror,
        isSnapshot: true,
        scripts: 'container',
        tool: 'test',
      },
      host,
    );
    const root = join(folder, 'root');
    mkdirSync(root);
    assert.equal(spawnSync('tar', ['-xpf', host.lastLayer ?? '', '-C', root]).status, 0);
    const run = (...args: readonly string[]): string => {
      const { status, stdout, stderr } = spawnSync('chroot', [root, ...args], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout.trim();
    };
    assert.equal(run('dpkg', '--audit'), '');
    assert.equal(run('apt-mark', 'showmanual'), '');
    assert.equal(run('apt-get', 'check', '-qq'), '');
    assert.equal(run('readlink', '/bin', '/lib64'), 'usr/bin\nusr/lib64');
    assert.equal(run('sh', '-c', 'ls /usr/share/man/man1 /usr/share/locale | wc -l'), '4');
  },
);

/** What the official image of the same release has with gzip -9, and by how much ours may be larger. */
const OFFICIAL_SLIM_BYTES: Readonly<Record<string, number>> = { trixie: 29_800_000 };
const LARGER_MAX = 1.02;

for (const { suite, slim, isLong } of [
  { suite: 'trixie', slim: true, isLong: false },
  { suite: 'bookworm', slim: false, isLong: true },
]) {
  test(
    `makeDebianBase() configures ${suite}${slim ? ', slim,' : ''} from beside as it does inside: the same layer`,
    { timeout: 900_000, skip: isLong && !LONG && '--long' },
    async (t) => {
      if (skips(t)) return;
      const make = async (
        scripts: 'container' | 'emulate',
      ): Promise<{ readonly image: BaseImage; readonly path: string }> => {
        const host = new TestHost(join(folder, `${scripts}-${suite}`), fetcher);
        const architectures = { architecture: 'amd64', hostArchitecture: 'amd64' };
        const image = await makeDebianBase(
          { suite, slim, ...architectures, mirror, isSnapshot: true, scripts, tool: 'test' },
          host,
        );
        return { image, path: host.lastLayer ?? '' };
      };
      const inside = await make('container');
      assert.equal((await make('emulate')).image.layer.diffId, inside.image.layer.diffId);
      const official = slim ? OFFICIAL_SLIM_BYTES[suite] : undefined;
      if (official === undefined) return;
      const packed = spawnSync('sh', ['-c', 'gzip -9 < "$0" | wc -c', inside.path], { encoding: 'utf8' });
      assert.ok(Number(packed.stdout) < official * LARGER_MAX, packed.stdout);
    },
  );
}

test(
  'makeDebianBase() makes an arm64 image without an emulator',
  { timeout: 900_000, skip: !LONG && '--long' },
  async (t) => {
    if (skips(t)) return;
    const host = new TestHost(join(folder, 'arm64'), fetcher);
    const architectures = { architecture: 'arm64', hostArchitecture: 'amd64' };
    const image = await makeDebianBase(
      { suite: 'trixie', slim: true, ...architectures, mirror, isSnapshot: true, scripts: 'emulate', tool: 'test' },
      host,
    );
    assert.equal(image.config.architecture, 'arm64');
    const files = await listTar(host.lastLayer ?? '');
    const { stdout: status } = spawnSync('tar', ['-xOf', host.lastLayer ?? '', 'var/lib/dpkg/status'], {
      encoding: 'latin1',
    });
    assert.equal(status.match(/^Status: install ok installed$/gm)?.length, image.packages.length);
    assert.match(status, /^Architecture: arm64$/m);
    const configured = ['etc/passwd', 'etc/shells', 'etc/pam.d/common-auth', 'etc/alternatives/awk'];
    for (const path of [...configured, 'var/cache/debconf/config.dat']) assert.ok(files.has(path), path);
    assert.equal(files.has('etc/ld.so.cache'), false);
  },
);
