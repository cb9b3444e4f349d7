import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { encodeTarHeader, TAR_END, tarPadding, type ReadTarEntry } from '../archive/index.ts';
import { debianTool } from '../../tests/support/debian-tools.ts';
import { cannotMount, mountErofs, mountOverlay } from '../../tests/support/erofs-mount.ts';
import { indexTarFile, writeIndex, type IndexedTar } from '../../tests/support/index-tar.ts';
import { layerStack } from '../../tests/support/layer-stacks.ts';
import { dir, entry, file, hardlink, symlink } from '../../tests/support/tar-entries.ts';
import { setXattr, snapshot } from '../../tests/support/tree-snapshot.ts';
import { walk } from '../../tests/support/tree-text.ts';
import { IndexBuilder, buildFixUp, lowestVisible, mergeIndexes, type View, type ViewNode } from './index.ts';

const RELEASE = 'trixie';
const SHARED = process.env['SHALE_SHARED'] ?? resolve(import.meta.dirname, '../../../shared');
const ALPINE = join(SHARED, 'fixtures/alpine-minirootfs-3.20.3-x86_64.tar.gz');

/** The kernel's form of u::rwx,u:1000:r-x,g::r-x,m::r-x,o::r-x. */
const ACL = Buffer.from(
  '0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000500ffffffff',
  'hex',
);

/** A folder and mounts that go away at the end of a test, the last mount first. */
class Workplace implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'shale-erofs-'));
  readonly #mounts = new DisposableStack();
  #count = 0;

  file(name: string): string {
    return join(this.path, name);
  }

  mount({ image, devices }: Pick<IndexedTar, 'image' | 'devices'>): string {
    return this.#mounts.use(mountErofs(image, devices, this.#next())).path;
  }

  overlay(lowers: readonly string[]): string {
    return this.#mounts.use(mountOverlay(lowers, this.#next())).path;
  }

  #next(): string {
    return this.file(`m${this.#count++}`);
  }

  [Symbol.dispose](): void {
    this.#mounts.dispose();
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A folder with every kind of file that a tar can hold. */
function makeTree(root: string): void {
  for (const folder of ['', 'a', 'a/b', 'a/b/c', 'empty', 'sticky']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'a/zero'), '');
  for (const size of [1, 511, 512, 513, 4095, 4096, 4097, 70_000, 1_300_000]) {
    writeFileSync(join(root, `a/file-${size}`), Buffer.alloc(size, size % 251));
  }
  writeFileSync(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff, 0xfe, 0x2e, 0x01])]), 'not utf-8');
  writeFileSync(join(root, 'a', 'n'.repeat(255)), 'longest name');
  symlinkSync('../a/file-1', join(root, 'a/link'));
  symlinkSync('/'.padEnd(3_000, 'long/'), join(root, 'a/long-link'));
  symlinkSync('x'.repeat(440), join(root, 'a/middle-link'));
  linkSync(join(root, 'a/file-513'), join(root, 'a/b/hard'));
  linkSync(join(root, 'a/file-513'), join(root, 'a/b/c/harder'));
  linkSync(join(root, 'a/link'), join(root, 'a/b/hard-link-to-link'));
  execFileSync('mknod', [join(root, 'char'), 'c', '300', '70000']);
  execFileSync('mknod', [join(root, 'block'), 'b', '8', '17']);
  execFileSync('mkfifo', [join(root, 'fifo')]);
  chownSync(join(root, 'a/file-1'), 70_000, 4_000_000_000);
  chmodSync(join(root, 'a/file-1'), 0o6755);
  chmodSync(join(root, 'sticky'), 0o1777);
  chmodSync(join(root, 'empty'), 0);
  setXattr(join(root, 'a/file-512'), 'user.text', Buffer.from('a\0b'));
  setXattr(join(root, 'a/file-513'), 'user.text', Buffer.from('a\0b'));
  setXattr(join(root, 'a/file-513'), 'user.large', Buffer.alloc(1_500, 7));
  setXattr(join(root, 'a/b'), 'trusted.kept', Buffer.from('t'));
  setXattr(join(root, 'a/b/c'), 'system.posix_acl_default', ACL);
  setXattr(join(root, 'a/file-4095'), 'system.posix_acl_access', ACL);
  setXattr(
    join(root, 'a/file-4096'),
    'security.capability',
    Buffer.from('0100000200200000000000000000000000000000', 'hex'),
  );
}

/** Times with whole seconds, for oracles that lose the rest; one is before 1970. */
function setWholeTimes(root: string): void {
  execFileSync('find', [root, '-exec', 'touch', '--no-dereference', '--date=@1234567890', '{}', '+']);
}

function tarOf(root: string, tar: string): void {
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--format=pax', '--sort=name', '-cf', tar, '-C', root, '.']);
}

function extract(tar: string, into: string): void {
  mkdirSync(into);
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--same-owner', '--numeric-owner', '-xpf', tar, '-C', into]);
}

function checkImage(t: TestContext, { image, devices }: IndexedTar): void {
  const fsck = debianTool(RELEASE, 'erofs-utils', 'usr/bin/fsck.erofs');
  if (fsck === undefined) return t.diagnostic(`fsck.erofs of ${RELEASE} is not in reach: not checked with it`);
  execFileSync(fsck, ['-d1', '--extract', ...devices.map((device) => `--device=${device}`), image], { stdio: 'pipe' });
}

/** Writes a tar whose every block of content says which layer and which offset it is at. */
function writeMarkedTar(path: string, layer: number, bytes: number): void {
  const tar = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 512) tar.write(marked(layer, at), at);
  writeFileSync(path, tar);
}

const MARK_BYTES = 16;
const marked = (layer: number, offset: number) => `${layer}:${offset}`.padEnd(MARK_BYTES, '.');

describe('a mounted index', { skip: cannotMount }, () => {
  it('shows what GNU tar extracts, of every kind of file', (t) => {
    using place = new Workplace();
    makeTree(place.file('tree'));
    utimesSync(place.file('tree/a/zero'), 0, -1.5);
    tarOf(place.file('tree'), place.file('t.tar'));
    extract(place.file('t.tar'), place.file('extracted'));
    const indexed = indexTarFile(place.file('t.tar'));
    const shown = snapshot(place.mount(indexed));
    assert.equal(shown.length, 27);
    assert.deepEqual(shown, snapshot(place.file('extracted')));
    checkImage(t, indexed);
  });

  it('shows what an index of mkfs.erofs shows', (t) => {
    using place = new Workplace();
    const mkfs = debianTool(RELEASE, 'erofs-utils', 'usr/bin/mkfs.erofs');
    if (mkfs === undefined) return t.skip(`mkfs.erofs of ${RELEASE} is not in reach`);
    makeTree(place.file('tree'));
    for (const name of ['.wh.gone', 'a/.wh.other', 'a/b/.wh..wh..opq']) writeFileSync(place.file(`tree/${name}`), '');
    setWholeTimes(place.file('tree'));
    tarOf(place.file('tree'), place.file('t.tar'));
    execFileSync(mkfs, ['--tar=i', '--aufs', '-d1', place.file('other'), place.file('t.tar')], { stdio: 'pipe' });
    const ours = snapshot(place.mount(indexTarFile(place.file('t.tar'))));
    const theirs = snapshot(place.mount({ image: place.file('other'), devices: [place.file('t.tar')] }));
    // A whiteout has no owner, time or links that anything looks at.
    const plain = (lines: string[]) =>
      lines.map((line) => line.replace(/^((?:a\/)?(?:gone|other))\|2\|.*/, '$1 is a whiteout'));
    assert.deepEqual(plain(ours), plain(theirs));
    return undefined;
  });

  it('shows sparse files, from the expanded data', (t) => {
    using place = new Workplace();
    mkdirSync(place.file('tree'));
    const fd = openSync(place.file('tree/sparse'), 'w');
    for (const at of [0, 1_000_000, 5_000_001]) writeSync(fd, Buffer.from('data'), 0, 4, at);
    ftruncateSync(fd, 9_000_000);
    closeSync(fd);
    closeSync(openSync(place.file('tree/hole'), 'w'));
    execFileSync('truncate', ['--size=3M', place.file('tree/hole')]);
    for (const format of ['gnu', 'pax']) {
      const tar = place.file(`${format}.tar`);
      execFileSync('tar', ['--sparse', `--format=${format}`, '-cf', tar, '-C', place.file('tree'), 'sparse', 'hole']);
      const indexed = indexTarFile(tar);
      assert.equal(indexed.devices.length, 2);
      const shown = place.mount(indexed);
      for (const name of ['sparse', 'hole']) {
        assert.ok(
          readFileSync(join(shown, name)).equals(readFileSync(place.file(`tree/${name}`))),
          `${format} ${name}`,
        );
      }
      checkImage(t, indexed);
    }
  });

  it('lists 100,000 files of one directory', (t) => {
    using place = new Workplace();
    const blocks: Uint8Array[] = [];
    for (let i = 0; i < 100_000; i++) blocks.push(encodeTarHeader(file(`d/file-${i}`)));
    writeFileSync(place.file('t.tar'), Buffer.concat([...blocks, TAR_END]));
    const indexed = indexTarFile(place.file('t.tar'));
    const shown = place.mount(indexed);
    const names = readdirSync(join(shown, 'd'));
    assert.equal(new Set(names).size, 100_000);
    for (let i = 0; i < 100_000; i += 101) assert.ok(lstatSync(join(shown, `d/file-${i}`)).isFile());
    assert.equal(existsSync(join(shown, 'd/file-100000')), false);
    checkImage(t, indexed);
  });

  it('reads a tar beyond 4 GiB and a file larger than 4 GiB', () => {
    using place = new Workplace();
    const large = 5 * 2 ** 30 + 3;
    const farOffset = 512 + Math.ceil(large / 512) * 512 + 512;
    const fd = openSync(place.file('t.tar'), 'w');
    writeSync(fd, Buffer.from('start'), 0, 5, 512);
    writeSync(fd, Buffer.from('end'), 0, 3, 512 + large - 3);
    writeSync(fd, Buffer.from('far'), 0, 3, farOffset);
    ftruncateSync(fd, farOffset + 512 + 1024);
    closeSync(fd);
    const builder = new IndexBuilder();
    builder.add(file('large', { sizeBytes: large }));
    builder.add(file('far', { sizeBytes: 3, dataOffset: farOffset }));
    const shown = place.mount(writeIndex(place.file('t.tar'), builder.finish(farOffset + 1536)));
    assert.equal(readFileSync(join(shown, 'far'), 'latin1'), 'far');
    assert.equal(lstatSync(join(shown, 'large')).size, large);
    const part = Buffer.alloc(5);
    const opened = openSync(join(shown, 'large'), 'r');
    assert.equal(readSync(opened, part, 0, 5, 0), 5);
    assert.equal(part.toString(), 'start');
    assert.equal(readSync(opened, part, 0, 5, large - 3), 3);
    assert.equal(part.toString('latin1', 0, 3), 'end');
    closeSync(opened);
  });

  it('shows 1,900 folders within each other', () => {
    using place = new Workplace();
    const path = 'd/'.repeat(1_900);
    writeFileSync(place.file('t.tar'), Buffer.alloc(2048, 'x'));
    const builder = new IndexBuilder();
    builder.add(file(`${path}f`, { sizeBytes: 3 }));
    const shown = place.mount(writeIndex(place.file('t.tar'), builder.finish(2048)));
    assert.equal(execFileSync('find', ['.', '-type', 'f', '-printf', '%s'], { cwd: shown, encoding: 'utf8' }), '3');
  });

  it('F-047: gives a file its capabilities back', () => {
    using place = new Workplace();
    const value = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    writeFileSync(place.file('t.tar'), Buffer.alloc(2048));
    const builder = new IndexBuilder();
    builder.add(file('f', { mode: 0o4755, xattrs: new Map([['security.capability', value]]) }));
    const shown = place.mount(writeIndex(place.file('t.tar'), builder.finish(2048)));
    assert.match(snapshot(shown)[1] ?? '', /^f\|8\|4755\|.*security\.capability=0100000200200000/);
  });
});

describe('an overlay of mounted indexes', { skip: cannotMount }, () => {
  it('equals the merged view of a real root filesystem and two layers on top', (t) => {
    if (!existsSync(ALPINE)) return t.skip('needs the Alpine root filesystem of SHALE_SHARED');
    using place = new Workplace();
    writeFileSync(place.file('1.tar'), gunzipSync(readFileSync(ALPINE)));
    writeTar(place.file('2.tar'), [
      dir('etc', { mode: 0o711, uid: 3 }),
      file('etc/.wh.passwd'),
      file('etc/.wh..wh..opq'),
      file('etc/hosts', { sizeBytes: 600 }),
      file('usr/share/.wh.apk'),
      file('usr/share/new/deep/file', { sizeBytes: 5 }),
      file('.wh.home'),
      dir('home', { mode: 0o700 }),
      file('srv', { sizeBytes: 2 }),
      file('var/run/pid', { sizeBytes: 9 }),
      symlink('opt', 'srv'),
    ]);
    writeTar(place.file('3.tar'), [
      file('etc/hosts', { sizeBytes: 10 }),
      hardlink('root/hosts', 'etc/hosts', { sizeBytes: 0 }),
      file('lib/apk/.wh.db'),
      entry('dev/null0', 'character', { deviceMajor: 1, deviceMinor: 3 }),
      dir('', { mode: 0o750 }),
    ]);
    const layers = [1, 2, 3];
    if (existsSync('/usr/share/zoneinfo')) {
      execFileSync('tar', ['-cf', place.file('4.tar'), '-C', '/', 'usr/share/zoneinfo'], { stdio: 'pipe' });
      layers.push(4);
    } else t.diagnostic('no /usr/share/zoneinfo here: compared without it');
    compareMounted(
      place,
      layers.map((n) => indexTarFile(place.file(`${n}.tar`))),
    );
    return undefined;
  });

  it('equals the merged view of random stacks, with links of lower layers on the way', () => {
    let compared = 0;
    fc.assert(
      fc.property(layerStack, (stack) => {
        using place = new Workplace();
        const layers = stack.map((entries, layer) => indexMarked(place, layer, entries));
        if (!layers.every((layer) => layer !== undefined)) return;
        compareMounted(place, layers);
        compared++;
      }),
      { numRuns: 60 },
    );
    assert.ok(compared > 20, `${compared} stacks were compared`);
  });
});

/** The index of a layer whose content tells where it lies; undefined when the layer is refused. */
function indexMarked(place: Workplace, layer: number, entries: readonly ReadTarEntry[]): IndexedTar | undefined {
  const builder = new IndexBuilder();
  const bytes = 512 * (2 * entries.length + 4);
  try {
    entries.forEach((each, i) => {
      const sizeBytes = each.kind === 'file' ? MARK_BYTES : 0;
      builder.add({ ...each, sizeBytes, storedBytes: sizeBytes, dataOffset: 512 * (2 * i + 1) });
    });
  } catch {
    return undefined;
  }
  writeMarkedTar(place.file(`${layer}.tar`), layer, bytes);
  return writeIndex(place.file(`${layer}.tar`), builder.finish(bytes));
}

function writeTar(path: string, entries: readonly ReadTarEntry[]): void {
  const parts = entries.flatMap((each, i) => [
    encodeTarHeader(each),
    Buffer.alloc(each.sizeBytes, `${i}`),
    tarPadding(each.sizeBytes),
  ]);
  writeFileSync(path, Buffer.concat([...parts, TAR_END]));
}

/** Mounts the stack, with its fix-up, and compares path by path with the view. */
function compareMounted(place: Workplace, layers: readonly IndexedTar[]): void {
  const indexes = layers.map((layer) => layer.index);
  const lowers = layers.slice(lowestVisible(indexes)).map((layer) => place.mount(layer));
  const fixUp = buildFixUp(indexes);
  if (fixUp !== undefined) {
    writeFileSync(place.file('fix-up'), fixUp.image);
    const devices = fixUp.devices.map(({ layer, source }) => layers[layer]?.devices[source === 'tar' ? 0 : 1] ?? '');
    lowers.push(place.mount({ image: place.file('fix-up'), devices }));
  }
  mkdirSync(place.file('nothing'));
  const shown = place.overlay([...lowers.toReversed(), place.file('nothing')]);
  const view = mergeIndexes(indexes);
  const expected = viewLines(view, layers);
  const got = snapshot(shown, { directoryLinks: false }).slice(1).map(comparable);
  assert.deepEqual(got, expected);
}

/** Of a line of a snapshot: everything but links, which a merged tree has per layer, and the name of the first link. */
function comparable(line: string): string {
  const fields = line.split('|');
  return [...fields.slice(0, 10), fields[12]].join('|');
}

function viewLines(view: View, layers: readonly IndexedTar[]): string[] {
  const kinds: Readonly<Record<string, number>> = {
    file: 8,
    directory: 4,
    symlink: 10,
    character: 2,
    block: 6,
    fifo: 1,
  };
  const lines: string[] = [];
  walk<ViewNode>(view.root, (path, node) => {
    const isDevice = node.kind === 'character' || node.kind === 'block';
    lines.push(
      [
        path,
        kinds[node.kind],
        node.mode.toString(8),
        node.uid,
        node.gid,
        node.mtimeNs,
        node.kind === 'directory' ? '' : node.sizeBytes,
        isDevice ? node.deviceMajor * 256 + node.deviceMinor : '',
        node.kind === 'file' ? contentHash(node, layers[node.layer]) : '',
        node.linkTarget(),
        [...node.xattrs()].map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`).join(','),
      ].join('|'),
    );
  });
  return lines;
}

function contentHash(node: ViewNode, layer: IndexedTar | undefined): string {
  const { source, offset } = node.data();
  const fd = openSync(layer?.devices[source === 'tar' ? 0 : 1] ?? '', 'r');
  const content = Buffer.alloc(node.sizeBytes);
  readSync(fd, content, 0, content.length, offset);
  closeSync(fd);
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}
