import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  lstatSync,
  truncateSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { collect, isShaleError } from '../base/index.ts';
import { getXattr } from '../sys/index.ts';
import { openMountHost, type MountDriver, type MountHost, type MountHostOptions, type MountLayer } from './index.ts';
import {
  DEFAULT_MTIME_NS,
  describeTree,
  type FixtureEntry,
  mountsWith,
  Sandbox,
  skipMounts,
} from './mounts.fixture.ts';

const CAPABILITY = '\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';

/** A bit of everything that a layer can hold. */
const EVERYTHING: readonly FixtureEntry[] = [
  { path: '', kind: 'directory', mode: 0o751, uid: 3, gid: 4, mtimeNs: 1_500_000_000_123_456_789n },
  { path: 'bin', kind: 'directory', mode: 0o755 },
  { path: 'bin/su', content: 'setuid', mode: 0o4755, uid: 1000, gid: 1000 },
  { path: 'bin/ping', content: 'capable', mode: 0o755, xattrs: { 'security.capability': CAPABILITY } },
  {
    path: 'bin/ping6',
    kind: 'hardlink',
    linkTarget: 'bin/ping',
    mode: 0o755,
    xattrs: { 'security.capability': CAPABILITY },
  },
  { path: 'big', content: 'x'.repeat(70_000) },
  { path: 'empty', content: '' },
  { path: 'dev', kind: 'directory' },
  { path: 'dev/null', kind: 'character', mode: 0o666, device: [1, 3] },
  { path: 'dev/disk', kind: 'block', mode: 0o660, gid: 6, device: [259, 70_000] },
  { path: 'link', kind: 'symlink', linkTarget: '../bin/su', mode: 0o777, uid: 7 },
  { path: 'old', content: 'before 1970', mtimeNs: -1_000_000_001n },
  { path: 'private', kind: 'directory', mode: 0o000, uid: 65_534, gid: 65_534, xattrs: { 'user.note': 'hello' } },
  { path: 'private/inside', content: 'not to be read', mode: 0o000 },
  { path: 'run', kind: 'fifo', mode: 0o600 },
  { path: 'sticky', kind: 'directory', mode: 0o1777, mtimeNs: 1n },
  { path: 'trusted', content: 'x', xattrs: { 'trusted.note': 'kept', 'user.a': '\x00\xff' } },
];

/** The suite of every driver: same interface, same trees. */
export function mountContract(
  driver: MountDriver,
  { byName = false, thread = 'caller' }: Pick<MountHostOptions, 'byName' | 'thread'> = {},
): void {
  const how = `${byName ? ' by name' : ''}${thread === 'own' ? ' on a thread of its own' : ''}`;
  describe(`mounts with the ${driver} driver${how}`, { skip: skipMounts }, () => {
    const open = async (box: Sandbox): Promise<MountHost> => {
      return await openMountHost({ mountDir: box.path('mnt'), driver, byName, thread, trees: box.trees() });
    };

    test('mountRootfs() shows the tree of a layer with all its attributes, and nobody else sees it', async () => {
      using box = new Sandbox();
      const layer = box.layer(EVERYTHING);
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers: [layer] });
      assert.deepEqual(describeTree(rootfs.access), expectedTree());
      assert.deepEqual(readdirSync(box.path('mnt')), []);
      assert.deepEqual(mountsWith(box.dir), []);
      assert.throws(() => writeFileSync(`${rootfs.access}/new`, ''), { code: 'EROFS' });
    });

    test('whiteouts and opaque directories hide what is below, and only that', async () => {
      using box = new Sandbox();
      const lower = box.layer([
        { path: 'a', content: '1' },
        { path: 'b', content: '1' },
        { path: 'dir', kind: 'directory' },
        { path: 'dir/x', content: '1' },
        { path: 'dir/deep', kind: 'directory' },
        { path: 'dir/deep/y', content: '1' },
        { path: 'gone', kind: 'directory' },
        { path: 'gone/z', content: '1' },
        { path: 'swap', kind: 'directory' },
        { path: 'swap/inner', content: '1' },
      ]);
      const upper = box.layer([
        { path: '.wh.a' },
        { path: 'dir', kind: 'directory', mode: 0o700 },
        { path: 'dir/.wh..wh..opq' },
        { path: 'dir/new', content: '2' },
        { path: '.wh.gone' },
        { path: 'swap', content: 'a file now' },
        { path: '.wh.never-there' },
        { path: 'fresh', kind: 'directory' },
        { path: 'fresh/.wh.nothing' },
        { path: 'fresh/file', content: '2' },
      ]);
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers: [lower, upper] });
      const names = Object.keys(describeTree(rootfs.access));
      assert.deepEqual(names, ['', 'b', 'dir', 'dir/new', 'fresh', 'fresh/file', 'swap']);
      assert.equal(readFileSync(`${rootfs.access}/swap`, 'utf8'), 'a file now');
    });

    test('whiteouts of the lowest layer are hidden too', async () => {
      using box = new Sandbox();
      const only = box.layer([
        { path: '.wh.a' },
        { path: 'dir', kind: 'directory' },
        { path: 'dir/.wh.b' },
        { path: 'dir/c', content: '' },
      ]);
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers: [only], upper: box.upper('u') });
      assert.deepEqual(readdirSync(rootfs.access), ['dir']);
      assert.deepEqual(readdirSync(`${rootfs.access}/dir`), ['c']);
      await using readOnly = await host.mountRootfs({ layers: [only] });
      assert.deepEqual(readdirSync(readOnly.access), ['dir']);
      assert.deepEqual(readdirSync(`${readOnly.access}/dir`), ['c']);
    });

    test('changes go into the upper; layers stay as they are; unmounting leaves only the upper', async () => {
      using box = new Sandbox();
      const layer = box.layer([
        { path: 'file', content: 'lower' },
        { path: 'doomed', content: '' },
      ]);
      const before = [readFileSync(layer.indexPath), readFileSync(tarOf(layer))];
      await using host = await open(box);
      const upper = box.upper('u');
      for (const text of ['first', 'second']) {
        await using rootfs = await host.mountRootfs({ layers: [layer], upper });
        assert.equal(existsSync(`${rootfs.access}/doomed`), text === 'first');
        writeFileSync(`${rootfs.access}/file`, text);
        rmSync(`${rootfs.access}/doomed`, { force: true });
        chmodSync(rootfs.access, 0o711);
      }
      assert.equal(readFileSync(`${upper.upperDir}/file`, 'utf8'), 'second');
      assert.equal(lstatSync(`${upper.upperDir}/doomed`).rdev, 0);
      assert.equal(statSync(upper.upperDir).mode & 0o7777, 0o711);
      assert.equal(existsSync(upper.workDir), false);
      assert.deepEqual([readFileSync(layer.indexPath), readFileSync(tarOf(layer))], before);
    });

    test('a volatile rootfs works, and its upper is there afterwards', async () => {
      using box = new Sandbox();
      await using host = await open(box);
      const upper = box.upper('u');
      {
        await using rootfs = await host.mountRootfs({ layers: [box.layer([])], upper, volatile: true });
        writeFileSync(`${rootfs.access}/made`, 'by a step');
      }
      assert.deepEqual([readdirSync(upper.upperDir), existsSync(upper.workDir)], [['made'], false]);
    });

    test('the upper gets the attributes of the chain’s root', async () => {
      using box = new Sandbox();
      await using host = await open(box);
      const upper = box.upper('u');
      await using rootfs = await host.mountRootfs({
        layers: [],
        upper,
        rootAttributes: {
          mode: 0o2750,
          uid: 12,
          gid: 34,
          mtimeNs: 1_234_567_890_123_456_789n,
          xattrs: new Map([
            ['user.root', Buffer.from('yes')],
            ['trusted.overlay.opaque', Buffer.from('y')],
          ]),
        },
      });
      const stat = statSync(rootfs.access, { bigint: true });
      assert.deepEqual(
        [Number(stat.mode) & 0o7777, stat.uid, stat.gid, stat.mtimeNs],
        [0o2750, 12n, 34n, 1_234_567_890_123_456_789n],
      );
      assert.equal(getXattr(`${rootfs.access}/.`, 'user.root')?.toString(), 'yes');
      assert.equal(getXattr(upper.upperDir, 'trusted.overlay.opaque'), undefined);
    });

    test('no layers at all: an empty rootfs, writable or not', async () => {
      using box = new Sandbox();
      await using host = await open(box);
      await using writable = await host.mountRootfs({ layers: [], upper: box.upper('u') });
      mkdirSync(`${writable.access}/made`);
      await using readOnly = await host.mountRootfs({ layers: [] });
      assert.deepEqual([readdirSync(writable.access), readdirSync(readOnly.access)], [['made'], []]);
    });

    test('F-098: 127 layers are mounted, in order', async () => {
      using box = new Sandbox();
      const layers = Array.from({ length: 127 }, (_, i) => {
        return box.layer([
          { path: 'top', content: String(i) },
          { path: `only-${i}`, content: String(i) },
        ]);
      });
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers, upper: box.upper('u') });
      assert.equal(readFileSync(`${rootfs.access}/top`, 'utf8'), '126');
      assert.equal(readdirSync(rootfs.access).length, 128);
    });

    test('of equal layers in a stack the topmost counts', async () => {
      using box = new Sandbox();
      const one = box.layer([{ path: 'file', content: 'one' }]);
      const two = box.layer([
        { path: 'file', content: 'two' },
        { path: 'other', content: '' },
      ]);
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers: [one, two, one], upper: box.upper('u') });
      assert.equal(readFileSync(`${rootfs.access}/file`, 'utf8'), 'one');
      assert.deepEqual(readdirSync(rootfs.access), ['file', 'other']);
    });

    test('two rootfs of the same layers do not see each other’s changes', async () => {
      using box = new Sandbox();
      const layer = box.layer([{ path: 'file', content: 'lower' }]);
      await using host = await open(box);
      await using one = await host.mountRootfs({ layers: [layer], upper: box.upper('u1') });
      await using two = await host.mountRootfs({ layers: [layer], upper: box.upper('u2') });
      writeFileSync(`${one.access}/file`, 'changed');
      assert.equal(readFileSync(`${two.access}/file`, 'utf8'), 'lower');
    });

    test('renaming a directory of a layer is refused as across devices: no redirects come into being', async () => {
      using box = new Sandbox();
      const layer = box.layer([
        { path: 'dir', kind: 'directory' },
        { path: 'dir/file', content: '' },
      ]);
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers: [layer], upper: box.upper('u') });
      assert.throws(() => renameSync(`${rootfs.access}/dir`, `${rootfs.access}/moved`), { code: 'EXDEV' });
    });

    test('a work directory that another mount used is refused', async () => {
      using box = new Sandbox();
      await using host = await open(box);
      const upper = box.upper('u');
      mkdirSync(`${upper.workDir}/work`, { recursive: true });
      await assert.rejects(host.mountRootfs({ layers: [], upper }), (error) =>
        isShaleError(error, 'MOUNT_WORK_IN_USE'),
      );
    });

    test('a spawned program sees the rootfs at its path; others do not', async () => {
      using box = new Sandbox();
      const layer = box.layer([{ path: 'file', content: 'seen' }]);
      await using host = await open(box);
      await using rootfs = await host.mountRootfs({ layers: [layer] });
      const child = await host.spawn({
        command: 'cat',
        args: [`${rootfs.path}/file`],
        env: { PATH: '/usr/bin:/bin' },
        stdio: ['ignore', 'pipe', 'ignore'],
        lifetime: 'child',
      });
      assert.equal((await collect(child.output(1), 100, 'output')).toString(), 'seen');
      assert.deepEqual(await child.ended, { code: 0, signal: undefined });
      assert.equal(existsSync(`${rootfs.path}/file`), false);
    });

    test('a damaged stack is refused as a whole and leaves nothing mounted', async () => {
      using box = new Sandbox();
      const good = box.layer([{ path: 'file', content: 'x'.repeat(5_000) }]);
      const bad = box.layer([{ path: 'other', content: 'y'.repeat(5_000) }]);
      truncateSync(tarOf(bad), 1024);
      await using host = await open(box);
      await assert.rejects(host.mountRootfs({ layers: [good, bad] }), (error) =>
        isShaleError(error, driver === 'erofs' ? 'MOUNT_TAR_SIZE' : 'UNPACK_INVALID'),
      );
      if (driver === 'unpack')
        assert.deepEqual(
          readdirSync(box.path('trees')).filter((name) => name.startsWith('.new')),
          [],
        );
      await using rootfs = await host.mountRootfs({ layers: [good] });
      assert.deepEqual(readdirSync(rootfs.access), ['file']);
    });
  });
}

function tarOf(layer: MountLayer): string {
  return layer.data[0]?.path ?? '';
}

/** What `describeTree` must say of EVERYTHING, told from the entries and not from any mount. */
function expectedTree(): Record<string, string> {
  const entries = new Map(EVERYTHING.map((entry) => [entry.path, entry]));
  const tree: Record<string, string> = {};
  for (const [path, own] of [...entries].toSorted(([a], [b]) => compareComponents(a, b))) {
    const entry = own.kind === 'hardlink' ? { ...entries.get(own.linkTarget ?? ''), path } : own;
    const kind = entry.kind ?? 'file';
    const content = entry.content ?? '';
    const [major, minor] = entry.device ?? [0, 0];
    const mode = (entry.mode ?? (kind === 'directory' ? 0o755 : 0o644)).toString(8);
    const facts = [
      LETTER[kind],
      mode,
      `${entry.uid ?? 0}:${entry.gid ?? 0}`,
      String(entry.mtimeNs ?? DEFAULT_MTIME_NS),
    ];
    if (kind === 'file') {
      facts.push(createHash('sha256').update(content).digest('hex').slice(0, 12), String(content.length));
    }
    if (kind === 'symlink') facts.push(entry.linkTarget ?? '');
    if (entry.device !== undefined) {
      facts.push(String((minor & 0xff) + major * 256 + Math.floor(minor / 256) * 2 ** 20));
    }
    for (const name of Object.keys(entry.xattrs ?? {}).toSorted()) {
      facts.push(`${name}=${Buffer.from(entry.xattrs?.[name] ?? '', 'latin1').toString('hex')}`);
    }
    if (own.kind === 'hardlink') facts.push(`same as ${own.linkTarget}`);
    tree[path] = facts.join(' ');
  }
  return tree;
}

const LETTER = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  hardlink: 'f',
  character: 'c',
  block: 'b',
  fifo: 'p',
} as const;

function compareComponents(a: string, b: string): number {
  return a.replaceAll('/', '\0') < b.replaceAll('/', '\0') ? -1 : 1;
}
