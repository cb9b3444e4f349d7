import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  appendFileSync,
  closeSync,
  openSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compareLayerPaths, type TarEntry } from '../archive/index.ts';
import { isShaleError } from '../base/index.ts';
import { mergeIndexes, openIndex } from '../erofs/index.ts';
import { type UpperChange, type UpperOptions, walkUpper } from '../layers/index.ts';
import { makeNodeAt, setXattr } from '../sys/index.ts';
import { type MountHost, type MountLayer, openMountHost } from './index.ts';
import { describeTree, type FixtureEntry, Sandbox, skipMounts } from './mounts.fixture.ts';

const BASE: readonly FixtureEntry[] = [
  { path: 'a', kind: 'directory', mode: 0o755 },
  { path: 'a/b', kind: 'directory', mode: 0o750, uid: 5 },
  { path: 'a/b/c', content: 'base c' },
  { path: 'a/b/d', content: 'base d', mode: 0o4755 },
  { path: 'a/e', content: 'base e', xattrs: { 'user.note': 'below' } },
  { path: 'f', content: 'base f' },
  { path: 'g', kind: 'symlink', linkTarget: 'a/e' },
  { path: 'h', kind: 'directory' },
  { path: 'h/1', content: 'one' },
  { path: 'h/2', kind: 'hardlink', linkTarget: 'h/1' },
];

/** Runs `work` in a writable rootfs over BASE and gives the changes of the upper. */
async function changesOf(
  box: Sandbox,
  host: MountHost,
  base: MountLayer,
  work: (root: string) => void,
  options: Partial<UpperOptions> = {},
): Promise<{ readonly changes: readonly Taken[]; readonly tree: Record<string, string> }> {
  const upper = box.upper(`upper-${Math.random()}`);
  const index = openIndex(readFileSync(base.indexPath), readFileSync(base.indexPath.replace('.erofs', '.contents')));
  const view = mergeIndexes([index]);
  let tree: Record<string, string>;
  {
    const { mode, uid, gid, mtimeNs } = view.root;
    await using rootfs = await host.mountRootfs({ layers: [base], upper, rootAttributes: { mode, uid, gid, mtimeNs } });
    work(rootfs.access);
    tree = describeTree(rootfs.access);
  }
  const changes: Taken[] = [];
  const walked = { upperDir: upper.upperDir, lower: view, ...options };
  for (const change of walkUpper(walked)) changes.push(take(change));
  const namesOf = (all: Iterable<Pick<UpperChange, 'entry' | 'replaces'>>): unknown[] =>
    Array.from(all, ({ entry, replaces }) => [entry.path, replaces]);
  assert.deepEqual(
    namesOf(walkUpper({ ...walked, pathsOnly: true })),
    namesOf(changes),
    'paths alone are the same ones',
  );
  return { changes, tree };
}

interface Taken {
  readonly entry: TarEntry;
  readonly replaces: boolean;
  readonly content: string;
}

function take(change: UpperChange): Taken {
  using file = change.open?.();
  const { entry, replaces } = change;
  if (file === undefined) return { entry, replaces, content: '' };
  const buffer = Buffer.alloc(entry.sizeBytes + 1);
  const length = readSync(file.fd, buffer);
  assert.equal(length, entry.sizeBytes);
  file.verify();
  return { entry, replaces, content: buffer.toString('latin1', 0, length) };
}

function asFixture({ entry, content }: Taken): FixtureEntry {
  const { path, kind, mode, uid, gid, mtimeNs, linkTarget, deviceMajor, deviceMinor } = entry;
  const xattrs = Object.fromEntries(
    [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
  );
  return { path, kind, mode, uid, gid, mtimeNs, linkTarget, content, xattrs, device: [deviceMajor, deviceMinor] };
}

/** The tree that base and changes show together, without the root's time, which no layer keeps. */
async function treeOf(
  box: Sandbox,
  host: MountHost,
  base: MountLayer,
  changes: readonly Taken[],
): Promise<Record<string, string>> {
  await using rootfs = await host.mountRootfs({ layers: [base, box.layer(changes.map(asFixture))] });
  return { ...describeTree(rootfs.access), '': '' };
}

function withoutLinks(tree: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).map(([path, facts]) => [path, facts.replace(/ same as .*/, '')]));
}

function paths(changes: readonly Taken[]): readonly string[] {
  return changes.map(({ entry }) => entry.path);
}

const NAMES = [
  'a',
  'a/b',
  'a/b/c',
  'a/b/d',
  'a/e',
  'f',
  'g',
  'h',
  'h/1',
  'h/2',
  'new',
  'new/x',
  'a/y',
  'a.z',
  'a/b/\u00e9',
];

type Step = {
  readonly what: (typeof STEPS)[number];
  readonly path: string;
  readonly other: string;
  readonly value: number;
};

const STEPS = [
  'write',
  'append',
  'remove',
  'mkdir',
  'symlink',
  'link',
  'rename',
  'chmod',
  'chown',
  'utimes',
  'xattr',
  'open',
  'fifo',
] as const;

const OPENING: readonly string[] = ['write', 'append', 'open'];

/** One thing that a program could do; what cannot be done is simply not done. */
function apply(root: string, { what, path, other, value }: Step): void {
  const [at, to] = [`${root}/${path}`, `${root}/${other}`];
  try {
    // Opening a fifo waits for its other end.
    if (lstatSync(at, { throwIfNoEntry: false })?.isFIFO() === true && OPENING.includes(what)) return;
    if (what === 'write') writeFileSync(at, `written ${value}`);
    else if (what === 'append') appendFileSync(at, `+${value}`);
    else if (what === 'remove') rmSync(at, { recursive: true, force: true });
    else if (what === 'mkdir') mkdirSync(at);
    else if (what === 'symlink') symlinkSync(`../${other}`, at);
    else if (what === 'link') linkSync(at, to);
    else if (what === 'rename') renameSync(at, to);
    else if (what === 'chmod') chmodSync(at, 0o600 + value);
    else if (what === 'chown') lchownSync(at, value, value);
    else if (what === 'utimes') lutimesSync(at, value, value + 0.25);
    else if (what === 'xattr') setXattr(at, 'user.set', Buffer.from([value]));
    else if (what === 'open') closeSync(openSync(at, 'r+'));
    else makeNodeAt(-100, at, 0o010644, 0, 0);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
  }
}

const step = fc.record({
  what: fc.constantFrom(...STEPS),
  path: fc.constantFrom(...NAMES),
  other: fc.constantFrom(...NAMES),
  value: fc.nat(100),
});

describe('walkUpper() over a real overlay', { skip: skipMounts }, () => {
  test('F-064: whatever a container does, base and the layer of its upper show exactly its tree', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { changes, tree } = await changesOf(box, host, base, (root) => {
          for (const one of steps) apply(root, one);
        });
        const shown = await treeOf(box, host, base, changes);
        // Copying up breaks the hard links of lower layers; where nothing else changed, the layer mends them.
        assert.deepEqual(withoutLinks(shown), withoutLinks({ ...tree, '': '' }));
        const inOrder = paths(changes).toSorted(compareLayerPaths);
        assert.deepEqual(paths(changes), inOrder);
      }),
      { numRuns: 150 },
    );
  });

  test('F-064: a directory made anew, a file in its place, and the reverse', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const { changes, tree } = await changesOf(box, host, base, (root) => {
      rmSync(`${root}/a`, { recursive: true });
      mkdirSync(`${root}/a`);
      mkdirSync(`${root}/a/b`);
      writeFileSync(`${root}/a/b/new`, '');
      rmSync(`${root}/h`, { recursive: true });
      writeFileSync(`${root}/h`, 'a file');
      rmSync(`${root}/f`);
      mkdirSync(`${root}/f`);
    });
    assert.deepEqual(paths(changes), ['a', 'a/.wh.e', 'a/b', 'a/b/.wh.c', 'a/b/.wh.d', 'a/b/new', 'f', 'h']);
    const made = changes.filter(({ replaces }) => !replaces);
    assert.deepEqual(paths(made), ['a/b/new'], 'all others replace or hide something');
    assert.deepEqual(await treeOf(box, host, base, changes), { ...tree, '': '' });
  });

  test('F-066: a change of attributes alone brings the whole file; hard links of the upper stay links', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const { changes } = await changesOf(box, host, base, (root) => {
      chmodSync(`${root}/a/b/c`, 0o600);
      chownSync(`${root}/a/b/d`, 7, 8);
      utimesSync(`${root}/a/e`, 1, 1);
      setXattr(`${root}/f`, 'user.new', Buffer.from('!'));
      linkSync(`${root}/h/1`, `${root}/h/3`);
    });
    const facts = changes.map(({ entry, content }) => [
      entry.path,
      entry.kind,
      entry.mode.toString(8),
      content,
      entry.linkTarget,
    ]);
    assert.deepEqual(facts, [
      ['a', 'directory', '755', '', ''],
      ['a/b', 'directory', '750', '', ''],
      ['a/b/c', 'file', '600', 'base c', ''],
      ['a/b/d', 'file', '755', 'base d', ''],
      ['a/e', 'file', '644', 'base e', ''],
      ['f', 'file', '644', 'base f', ''],
      ['h', 'directory', '755', '', ''],
      ['h/1', 'file', '644', 'one', ''],
      ['h/3', 'hardlink', '644', '', 'h/1'],
    ]);
  });

  test('what was only opened for writing is no change, nor are the directories above it', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const { changes } = await changesOf(box, host, base, (root) => {
      for (const path of ['a/b/c', 'a/b/d', 'f']) closeSync(openSync(`${root}/${path}`, 'r+'));
    });
    assert.deepEqual(paths(changes), []);
  });

  test('equal content with another time is dropped once times are limited', async () => {
    using box = new Sandbox();
    const base = box.layer([{ path: 'status', content: 'same', mtimeNs: 1_000n }]);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const work = (root: string): void => writeFileSync(`${root}/status`, 'same');
    assert.deepEqual(paths((await changesOf(box, host, base, work)).changes), ['status']);
    assert.deepEqual(paths((await changesOf(box, host, base, work, { mtimeMaxNs: 1_000n })).changes), []);
    const other = (root: string): void => writeFileSync(`${root}/status`, 'else');
    const { changes } = await changesOf(box, host, base, other, { mtimeMaxNs: 1_000n });
    assert.deepEqual(
      changes.map(({ entry }) => [entry.path, entry.mtimeNs]),
      [['status', 1_000n]],
    );
  });

  test('mount targets that were made for the container leave no trace, unless something was put into them', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const traces = {
      created: ['proc', 'a/resolv.conf', 'etc', 'etc/hosts', 'mnt', 'mnt/in'].map((path) => ({ path })),
      touched: [{ path: 'a', mtimeNs: 1_600_000_000_000_000_000n }],
    };
    const work = (root: string): void => {
      for (const path of ['proc', 'etc', 'mnt', 'mnt/in']) mkdirSync(`${root}/${path}`);
      for (const path of ['a/resolv.conf', 'etc/hosts']) writeFileSync(`${root}/${path}`, '');
    };
    assert.deepEqual(paths((await changesOf(box, host, base, work, { traces })).changes), []);
    const used = (root: string): void => {
      work(root);
      writeFileSync(`${root}/mnt/in/file`, '');
      chmodSync(`${root}/a/b/c`, 0o600);
    };
    const { changes } = await changesOf(box, host, base, used, { traces });
    assert.deepEqual(paths(changes), ['a', 'a/b', 'a/b/c', 'mnt', 'mnt/in', 'mnt/in/file']);
    assert.equal(changes[0]?.entry.mtimeNs, 1_600_000_000_000_000_000n);
  });

  test('ignored paths stay as the layer below has them, removed, changed or new', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const ignored = (path: string): boolean => ['a/e', 'f', 'log', 'log/x'].includes(path);
    const { changes } = await changesOf(
      box,
      host,
      base,
      (root) => {
        rmSync(`${root}/a/e`);
        writeFileSync(`${root}/f`, 'changed');
        mkdirSync(`${root}/log`);
        writeFileSync(`${root}/log/x`, '');
        utimesSync(`${root}/a`, 1_600_000_000, 1_600_000_000);
      },
      { ignored },
    );
    assert.deepEqual(paths(changes), []);
  });

  test('sockets are left out, and what they replaced is gone', async () => {
    using box = new Sandbox();
    const base = box.layer(BASE);
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs' });
    const servers = [createServer(), createServer()];
    const upper = box.upper('u');
    {
      await using rootfs = await host.mountRootfs({ layers: [base], upper });
      rmSync(`${rootfs.access}/f`);
      for (const [index, name] of ['f', 'new.sock'].entries()) {
        await new Promise<void>((resolve) => servers[index]?.listen(`${rootfs.access}/${name}`, resolve));
      }
      // Closing a server removes its socket: the walk looks before.
      const lower = mergeIndexes([openIndex(readFileSync(base.indexPath))]);
      const found = [...walkUpper({ upperDir: upper.upperDir, lower })].map(({ entry }) => entry.path);
      assert.deepEqual(
        found.filter((path) => path !== ''),
        ['.wh.f'],
      );
      for (const server of servers) server.close();
    }
  });

  test('an upper with redirects or metadata-only copies is refused', () => {
    for (const name of ['redirect', 'metacopy']) {
      using box = new Sandbox();
      mkdirSync(box.path('upper', 'dir'), { recursive: true });
      setXattr(box.path('upper', 'dir'), `trusted.overlay.${name}`, Buffer.from('/x'));
      assert.throws(
        () => [...walkUpper({ upperDir: box.path('upper') })],
        (error) => isShaleError(error, 'UPPER_REDIRECT') && error.data['path'] === 'dir',
      );
    }
  });

  test('F-264: a file that is written while it is read is an error, not a layer with a wrong size', () => {
    using box = new Sandbox();
    mkdirSync(box.path('upper'));
    writeFileSync(box.path('upper', 'file'), 'before');
    const [change] = [...walkUpper({ upperDir: box.path('upper') })].filter(({ entry }) => entry.path === 'file');
    {
      using file = change?.open?.();
      appendFileSync(box.path('upper', 'file'), 'more');
      assert.throws(
        () => file?.verify(),
        (error) => isShaleError(error, 'UPPER_CHANGED'),
      );
    }
    rmSync(box.path('upper', 'file'));
    symlinkSync('/etc/passwd', box.path('upper', 'file'));
    assert.throws(
      () => change?.open?.(),
      (error) => isShaleError(error, 'UPPER_CHANGED'),
    );
  });

  test('whiteouts that share one inode, and whiteouts and opaque marks as xattrs, are understood', () => {
    using box = new Sandbox();
    const lower = mergeIndexes([openIndex(readFileSync(box.layer(BASE).indexPath))]);
    const upper = box.path('upper');
    mkdirSync(`${upper}/a`, { recursive: true });
    makeNodeAt(-100, `${upper}/f`, 0o020000, 0, 0);
    linkSync(`${upper}/f`, `${upper}/g`);
    setXattr(`${upper}/a`, 'user.overlay.opaque', Buffer.from('x'));
    writeFileSync(`${upper}/a/b`, '');
    setXattr(`${upper}/a/b`, 'user.overlay.whiteout', Buffer.from('y'));
    mkdirSync(`${upper}/h`);
    setXattr(`${upper}/h`, 'user.overlay.opaque', Buffer.from('y'));
    const found = [...walkUpper({ upperDir: upper, lower, xattrFamily: 'user' })].map(({ entry }) => entry.path);
    assert.deepEqual(found, ['.wh.f', '.wh.g', 'a', 'a/.wh.b', 'h', 'h/.wh.1', 'h/.wh.2']);
  });
});
