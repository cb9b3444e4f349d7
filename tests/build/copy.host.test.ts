/** COPY and ADD: what they take, where it goes, and what the layer says of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { isShaleError, toText } from '../../src/base/index.ts';
import type { ViewNode } from '../../src/erofs/index.ts';
import { member, pax, tar } from '../../src/archive/tar-parser.fixture.ts';
import { BUSYBOX, cannotRun, type BuildHow, Lab } from '../support/lab.ts';
import { setXattr, snapshot } from '../support/tree-snapshot.ts';

const isRoot = process.getuid?.() === 0;

describe('COPY and ADD', { skip: BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  /** `path kind mode uid:gid`, with content or target, of what an image has beside busybox. */
  async function outline(imageId: string, only = /./): Promise<string[]> {
    const lines: string[] = [];
    for (const [path, node] of await lab.tree(imageId)) {
      if (!only.test(path)) continue;
      const about = node.kind === 'symlink' ? ` -> ${toText(node.linkTarget())}` : '';
      lines.push(`${path} ${node.kind} ${node.mode.toString(8)} ${node.uid}:${node.gid}${about}`);
    }
    return lines;
  }

  async function nodeOf(imageId: string, path: string): Promise<ViewNode> {
    return (await lab.stack(imageId)).view.find(path) ?? assert.fail(`${path} is not in the image`);
  }

  async function refuses(context: string, code: string, how: BuildHow = {}): Promise<void> {
    await assert.rejects(lab.build(context, how), (error) => {
      assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
      return true;
    });
    const left = readdirSync(join(lab.home, 'ingest')).concat(
      readdirSync(join(lab.home, 'sources')).filter((name) => name.startsWith('work-')),
    );
    assert.deepEqual(left, []);
  }

  test('modes are kept exactly, owners are root, times are the epoch', async () => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY tree /t/\n', 'tree/a': 'a', 'tree/d/b': 'b' });
    chmodSync(join(context, 'tree/a'), 0o4711);
    chmodSync(join(context, 'tree/d'), 0o3750);
    const { imageId } = await lab.build(context);
    assert.deepEqual(await outline(imageId), [
      't directory 755 0:0',
      't/a file 4711 0:0',
      't/d directory 3750 0:0',
      't/d/b file 644 0:0',
    ]);
    assert.equal((await nodeOf(imageId, 't/a')).mtimeNs, BigInt(Date.UTC(1980, 0, 1)) * 1_000_000n);
  });

  test('--chown takes numbers and names of the image, --chmod octal digits and symbols', async () => {
    const context = lab.context({
      Dockerfile: [
        'FROM busybox',
        'COPY --chown=1000:2000 f /numbers',
        'COPY --chown=nobody f /name',
        'COPY --chown=7 f /one',
        'COPY --chown=nobody:root --chmod=0640 d /d/',
        'COPY --chmod=u=rwX,go=rX,a-w d /symbols/',
        'COPY --chmod=4755 f /made/on/the/way/',
        '',
      ].join('\n'),
      f: 'f',
      'd/inner': 'x',
    });
    const { imageId } = await lab.build(context);
    const nobody = (await lab.read(imageId, '/etc/passwd')).toString().match(/^nobody:[^:]*:(\d+):(\d+)/m);
    const own = `${nobody?.[1]}:${nobody?.[2]}`;
    assert.deepEqual(await outline(imageId, /^(numbers|name|one|d\b|symbols|made)/), [
      'd directory 640 ' + own.split(':')[0] + ':0',
      'd/inner file 640 ' + own.split(':')[0] + ':0',
      'made directory 755 0:0',
      'made/on directory 755 0:0',
      'made/on/the directory 755 0:0',
      'made/on/the/way directory 755 0:0',
      'made/on/the/way/f file 4755 0:0',
      `name file 644 ${own}`,
      'numbers file 644 1000:2000',
      'one file 644 7:7',
      'symbols directory 755 0:0',
      'symbols/inner file 444 0:0',
    ]);
  });

  test('directories on the way are made under the umask, with an octal --chmod too, and those of archives with 0755', async () => {
    const archive = tar(member({ name: 'd/f', mode: '0000640\0' }, 'x'));
    const context = lab.context({
      Dockerfile: 'FROM scratch\nCOPY --chmod=2777 f /a/b/\nCOPY --chmod=600 f /c/\nADD --chmod=711 t.tar /t/\n',
      f: '',
      't.tar': archive,
    });
    const { imageId } = await lab.build(context);
    // As docker 28.5 answers.
    assert.deepEqual(await outline(imageId), [
      'a directory 755 0:0',
      'a/b directory 755 0:0',
      'a/b/f file 2777 0:0',
      'c directory 600 0:0',
      'c/f file 600 0:0',
      't directory 755 0:0',
      't/d directory 755 0:0',
      't/d/f file 640 0:0',
    ]);
  });

  test('F-233: owners that no image can have are refused', async () => {
    for (const owner of ['4294967296:0', '0:4294967295', '-1', '99999999999999999999']) {
      const context = lab.context({ Dockerfile: `FROM busybox\nCOPY --chown=${owner} f /\n`, f: '' });
      await assert.rejects(lab.build(context), (error) => isShaleError(error), owner);
    }
  });

  test('F-233: a user database that is a pipe, huge or a link out of the image is no trap', async () => {
    const big = lab.context({
      Dockerfile: 'FROM scratch\nCOPY passwd /etc/\nCOPY --chown=root f /\n',
      passwd: '',
      f: '',
    });
    truncateSync(join(big, 'passwd'), 11 * 1024 ** 2);
    await assert.rejects(lab.build(big), (error) => isShaleError(error));
    const link = lab.context({
      Dockerfile: 'FROM scratch\nCOPY etc /etc\nCOPY --chown=root f /\n',
      'etc/x': '',
      f: '',
    });
    symlinkSync('../../../../../usr/bin/env', join(link, 'etc/passwd'));
    const { imageId } = await lab.build(link);
    assert.equal((await nodeOf(imageId, 'f')).uid, 0);
  });

  test('--exclude leaves out what its patterns name', async () => {
    const context = lab.context({
      Dockerfile: 'FROM scratch\nCOPY --exclude=*.log --exclude=sub/x --exclude=**/deep . /out/\n',
      'a.txt': '',
      'a.log': '',
      'sub/x': '',
      'sub/y': '',
      'sub/b.log': '',
      'sub/deep/z': '',
    });
    const { imageId } = await lab.build(context);
    assert.deepEqual(
      [...(await lab.tree(imageId)).keys()],
      ['out', 'out/Dockerfile', 'out/a.txt', 'out/sub', 'out/sub/b.log', 'out/sub/y'],
    );
  });

  test('--link copies without looking at what is below, links of the image included', { skip: cannotRun }, async () => {
    const base = lab.context({
      Dockerfile: 'FROM busybox\nRUN mkdir -m 700 /real && ln -s real /link && mkdir -m 700 /etc/new\n',
    });
    await lab.build(base, { tags: ['linked:1'] });
    const dockerfile = (flag: string): string => `FROM linked:1\nCOPY ${flag} f /link/\nCOPY ${flag} f /etc/new/\n`;
    const context = lab.context({ Dockerfile: dockerfile('--link'), f: 'f' });
    const linked = await lab.build(context);
    assert.deepEqual(await outline(linked.imageId, /^(link|real|etc\/new)/), [
      'etc/new directory 755 0:0',
      'etc/new/f file 644 0:0',
      'link directory 755 0:0',
      'link/f file 644 0:0',
      'real directory 700 0:0',
    ]);
    writeFileSync(join(context, 'Dockerfile'), dockerfile(''));
    assert.deepEqual(await outline((await lab.build(context)).imageId, /^(link|real|etc\/new)/), [
      'etc/new directory 700 0:0',
      'etc/new/f file 644 0:0',
      'link symlink 777 0:0 -> real',
      'real directory 700 0:0',
      'real/f file 644 0:0',
    ]);
  });

  test('COPY --from keeps owners, modes and links, of stages, by number and name, and of images', async () => {
    const context = lab.context({
      Dockerfile: [
        'FROM scratch AS files',
        'ADD files.tar /data/',
        'FROM scratch',
        'COPY --from=files /data /by-name',
        'COPY --from=0 /data/own /by-number',
        'COPY --from=busybox /etc/passwd /by-image',
        '',
      ].join('\n'),
      'files.tar': tar(
        member({ name: 'own', mode: '0002755\0', uid: '0001750\0', gid: '0003720\0' }, 'x'),
        member({ name: 'link', type: '2', link: 'own' }),
      ),
    });
    const { imageId } = await lab.build(context);
    assert.deepEqual(
      (await outline(imageId)).filter((line) => !line.startsWith('by-image')),
      [
        'by-name directory 755 0:0',
        'by-name/link symlink 777 0:0 -> own',
        'by-name/own file 2755 1000:2000',
        'by-number file 2755 1000:2000',
      ],
    );
    assert.match((await lab.read(imageId, '/by-image')).toString(), /^root:/);
  });

  test('hard links of a context and of a stage stay hard links', async () => {
    const context = lab.context({
      Dockerfile:
        'FROM scratch AS s\nCOPY tree /t/\nFROM scratch\nCOPY --from=s /t /u\nCOPY --from=busybox /bin /bin\n',
      'tree/z': 'z',
      'tree/other': 'z',
    });
    mkdirSync(join(context, 'tree/a'));
    linkSync(join(context, 'tree/z'), join(context, 'tree/a/first'));
    linkSync(join(context, 'tree/z'), join(context, 'tree/m'));
    const { imageId } = await lab.build(context);
    const view = (await lab.stack(imageId)).view;
    const inodes = ['u/a/first', 'u/m', 'u/z'].map((path) => view.find(path)?.inode);
    assert.equal(new Set(inodes).size, 1);
    assert.equal(view.find('u/z')?.linkCount, 3);
    assert.equal(view.find('u/other')?.linkCount, 1);
    const applets = [...(view.find('bin')?.children() ?? [])].filter(([, node]) => node.kind === 'file');
    assert.equal(new Set(applets.map(([, node]) => node.inode)).size, 1);
    const { layers } = await lab.stack(imageId);
    assert.ok(statSync(layers.at(-1)?.tarPath ?? '').size < 4 * 1024 * 1024, 'busybox is in the layer once');
  });

  for (const [name, compress] of Object.entries({
    tar: (bytes: Buffer) => bytes,
    gzip: (bytes: Buffer) => gzipSync(bytes),
    zstd: (bytes: Buffer) => zstdCompressSync(bytes),
    bzip2: (bytes: Buffer) => program('bzip2', bytes),
    xz: (bytes: Buffer) => program('xz', bytes),
  })) {
    test(`ADD unpacks a local ${name} archive, told by its bytes`, async (t) => {
      const archive = compress(
        tar(
          member({ name: './', type: '5', mode: '0000700\0' }),
          member({ name: './dir/', type: '5', mode: '0000711\0', uid: '0000005\0', gid: '0000006\0' }),
          member({ name: './dir/file', mode: '0000640\0', uid: '0000007\0' }, 'content'.repeat(20_000)),
          member({ name: './dir/hard', type: '1', link: './dir/file', mode: '0000640\0', uid: '0000007\0' }),
          member({ name: './soft', type: '2', link: 'dir/file' }),
          member({ name: './implied/parent/file' }, 'x'),
        ),
      );
      if (archive === undefined) return t.skip(`${name} is not installed`);
      const context = lab.context({
        Dockerfile: 'FROM scratch\nADD no-suffix /a/\nADD --chown=3:4 no-suffix /b\nCOPY no-suffix /copied\n',
        'no-suffix': archive,
      });
      const { imageId } = await lab.build(context);
      assert.deepEqual(await outline(imageId, /^a/), [
        'a directory 755 0:0',
        'a/dir directory 711 5:6',
        'a/dir/file file 640 7:0',
        'a/dir/hard file 640 7:0',
        'a/implied directory 755 0:0',
        'a/implied/parent directory 755 0:0',
        'a/implied/parent/file file 644 0:0',
        'a/soft symlink 777 0:0 -> dir/file',
      ]);
      assert.equal((await outline(imageId, /^b\/dir\/file/))[0], 'b/dir/file file 640 3:4');
      assert.equal((await lab.read(imageId, '/a/soft')).toString(), 'content'.repeat(20_000));
      assert.deepEqual(await lab.read(imageId, '/copied'), archive);
    });
  }

  test('ADD copies what is no archive, broken compression included', async () => {
    const context = lab.context({
      Dockerfile: 'FROM scratch\nADD text.tar broken.gz gzip.gz /\n',
      'text.tar': 'just text '.repeat(200),
      'broken.gz': gzipSync('x'.repeat(10_000)).subarray(0, 30),
      'gzip.gz': gzipSync('no tar'),
    });
    const { imageId } = await lab.build(context);
    assert.deepEqual([...(await lab.tree(imageId)).keys()], ['broken.gz', 'gzip.gz', 'text.tar']);
  });

  test('ADD expands sparse files', async (t) => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nADD sparse.tar /\n' });
    const file = join(context, 'holes');
    writeFileSync(file, 'begin');
    truncateSync(file, 1_000_000);
    appendFileSync(file, 'end');
    for (const format of ['gnu', 'posix']) {
      const made = spawnSync('tar', [
        '-cSf',
        join(context, 'sparse.tar'),
        `--format=${format}`,
        '-C',
        context,
        'holes',
      ]);
      if (made.status !== 0) return t.skip('GNU tar is not installed');
      const { imageId } = await lab.build(context);
      const bytes = await lab.read(imageId, '/holes');
      assert.equal(bytes.length, 1_000_003);
      assert.equal(bytes.subarray(0, 6).toString(), 'begin\0');
      assert.equal(bytes.subarray(-4).toString(), '\0end');
    }
  });

  describe('F-213: ADD refuses an archive', () => {
    const cases: Record<string, { readonly code: string; readonly archive: Buffer }> = {
      'whose entry climbs out': { code: 'TAR_PATH', archive: tar(member({ name: '../../evil' }, 'x')) },
      'whose second entry climbs out': {
        code: 'TAR_PATH',
        archive: tar(member({ name: 'good' }, 'x'), member({ name: 'a/../../evil' }, 'x')),
      },
      'that writes through a link to a place of the host': {
        code: 'ARCHIVE_ESCAPE',
        archive: tar(member({ name: 'd', type: '2', link: '/etc' }), member({ name: 'd/evil' }, 'x')),
      },
      'that writes through a chain of links': {
        code: 'ARCHIVE_ESCAPE',
        archive: tar(
          member({ name: 'a', type: '2', link: '..' }),
          member({ name: 'b', type: '2', link: 'a/..' }),
          member({ name: 'b/evil' }, 'x'),
        ),
      },
      'with a hard link that climbs out': {
        code: 'TAR_PATH',
        archive: tar(member({ name: 'h', type: '1', link: '../../etc/passwd' })),
      },
      'with a hard link to nothing': {
        code: 'ARCHIVE_LINK',
        archive: tar(member({ name: 'h', type: '1', link: 'missing' })),
      },
      'with a hard link through a link that leads out': {
        code: 'ARCHIVE_ESCAPE',
        archive: tar(
          member({ name: 'd', type: '2', link: '/' }),
          member({ name: 'h', type: '1', link: 'd/etc/passwd' }),
        ),
      },
      'whose root is a link': { code: 'TAR_PATH', archive: tar(member({ name: '.', type: '2', link: '/etc' })) },
      'that is cut': { code: 'TAR_TRUNCATED', archive: tar(member({ name: 'f' }, 'x'.repeat(2000))).subarray(0, 1500) },
      'with a wrong checksum later on': {
        code: 'TAR_CHECKSUM',
        archive: tar(member({ name: 'f' }, 'x'), Buffer.alloc(512, 'junk')),
      },
      'with names of deleted files': {
        code: 'COPY_RESERVED_NAME',
        archive: tar(member({ name: 'etc/.wh.passwd' }, '')),
      },
      'with a NUL in a name': { code: 'TAR_PATH', archive: tar(pax({ path: 'a\0b' }), member({ name: 'x' }, '')) },
      'with an owner that wraps to root': {
        code: 'TAR_NUMBER',
        archive: tar(pax({ uid: '4294967296' }), member({ name: 'x' }, '')),
      },
    };
    for (const [what, { code, archive }] of Object.entries(cases)) {
      test(what, async () => {
        const host = lab.newFolder();
        writeFileSync(join(host, 'canary'), 'host');
        const before = snapshot(host);
        const context = lab.context({ Dockerfile: 'FROM busybox\nADD evil.tar /unpack/here\n', 'evil.tar': archive });
        await refuses(context, code);
        assert.deepEqual(snapshot(host), before);
      });
    }
  });

  describe('F-213: ADD takes an archive', () => {
    test('with absolute names and hard links, which start at the destination', async () => {
      const archive = tar(
        member({ name: '/etc/conf' }, 'x'),
        member({ name: 'hard', type: '1', link: '/etc/conf' }),
        member({ name: '//a/./b' }, 'y'),
      );
      const { imageId } = await lab.build(
        lab.context({ Dockerfile: 'FROM scratch\nADD a.tar /u\n', 'a.tar': archive }),
      );
      assert.deepEqual([...(await lab.tree(imageId)).keys()], ['u', 'u/a', 'u/a/b', 'u/etc', 'u/etc/conf', 'u/hard']);
    });

    test('F-036: of a root file system with /var/run a link to /run', async () => {
      const archive = tar(
        member({ name: 'var/run', type: '2', link: '/run' }),
        member({ name: 'bin', type: '2', link: 'usr/bin' }),
        member({ name: 'var/run/lock' }, 'x'),
        member({ name: 'bin/sh' }, 'sh'),
      );
      const { imageId } = await lab.build(
        lab.context({ Dockerfile: 'FROM scratch\nADD root.tar /\n', 'root.tar': archive }),
      );
      assert.equal((await lab.read(imageId, '/run/lock')).toString(), 'x');
      assert.equal((await lab.read(imageId, '/usr/bin/sh')).toString(), 'sh');
      assert.equal((await nodeOf(imageId, 'var/run')).linkTarget(), '/run');
    });

    test('through a destination that is an absolute link of the image', async () => {
      const context = lab.context({
        Dockerfile: 'FROM scratch\nADD links.tar /\nADD a.tar /link/\nCOPY f /link/copied\n',
        'links.tar': tar(member({ name: 'link', type: '2', link: '/real/place' })),
        'a.tar': tar(member({ name: 'f' }, 'x')),
        f: '',
      });
      const { imageId } = await lab.build(context);
      assert.deepEqual(
        [...(await lab.tree(imageId)).keys()],
        ['link', 'real', 'real/place', 'real/place/copied', 'real/place/f'],
      );
    });

    test('F-027: with names that come twice, the later one as if the earlier had been removed', async () => {
      const archive = tar(
        member({ name: 'twice' }, 'old'),
        member({ name: 'kept', type: '1', link: 'twice' }),
        member({ name: 'twice' }, 'new'),
        member({ name: 'dir/', type: '5' }),
        member({ name: 'dir/in' }, 'x'),
        member({ name: 'dir' }, 'now a file'),
        member({ name: 'link', type: '2', link: 'twice' }),
        member({ name: 'link' }, 'no longer a link'),
        member({ name: 'etc' }, 'a file'),
        member({ name: 'etc/', type: '5', mode: '0000700\0' }),
      );
      const { imageId } = await lab.build(lab.context({ Dockerfile: 'FROM busybox\nADD a.tar /\n', 'a.tar': archive }));
      const text = async (path: string): Promise<string> => (await lab.read(imageId, path)).toString();
      assert.equal(await text('/twice'), 'new');
      assert.equal(await text('/kept'), 'old');
      assert.equal(await text('/dir'), 'now a file');
      assert.equal(await text('/link'), 'no longer a link');
      assert.deepEqual(await outline(imageId, /^etc/), ['etc directory 700 0:0']);
    });

    test('F-042: with a folder where a link was, without touching what the link led to', async () => {
      const archive = tar(
        member({ name: 'd', type: '2', link: '/etc' }),
        member({ name: 'd/', type: '5', mode: '0000777\0' }),
        member({ name: 'd/f' }, 'x'),
      );
      const { imageId } = await lab.build(
        lab.context({ Dockerfile: 'FROM busybox\nADD a.tar /u/\n', 'a.tar': archive }),
      );
      assert.deepEqual(await outline(imageId, /^(u\b|etc$)/), [
        'etc directory 755 0:0',
        'u directory 755 0:0',
        'u/d directory 777 0:0',
        'u/d/f file 644 0:0',
      ]);
    });

    test('F-045: with entries whose parents are missing', async () => {
      const { imageId } = await lab.build(
        lab.context({
          Dockerfile: 'FROM scratch\nADD a.tar /\n',
          'a.tar': tar(member({ name: 'a/b/c/', type: '5', mode: '0000700\0' }), member({ name: 'x/y/z' }, '')),
        }),
      );
      assert.deepEqual(await outline(imageId), [
        'a directory 755 0:0',
        'a/b directory 755 0:0',
        'a/b/c directory 700 0:0',
        'x directory 755 0:0',
        'x/y directory 755 0:0',
        'x/y/z file 644 0:0',
      ]);
    });

    test('F-044: with a folder that nobody may enter, and what is in it', async () => {
      const { imageId } = await lab.build(
        lab.context({
          Dockerfile: 'FROM busybox\nADD a.tar /\n',
          'a.tar': tar(member({ name: 'shut/', type: '5', mode: '0000000\0' }), member({ name: 'shut/in' }, 'inside')),
        }),
      );
      assert.deepEqual(await outline(imageId, /^shut/), ['shut directory 0 0:0', 'shut/in file 644 0:0']);
    });
  });

  test(
    'F-047: capabilities and other attributes of archives are kept, with every byte',
    { skip: !isRoot && 'needs root' },
    async (t) => {
      const context = lab.context({ Dockerfile: 'FROM busybox\nADD caps.tar /\n', 'root/ping': 'ping' });
      const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
      setXattr(join(context, 'root/ping'), 'security.capability', capability);
      setXattr(join(context, 'root/ping'), 'user.nul', Buffer.from('a\0b'));
      const made = spawnSync('tar', [
        '-cf',
        join(context, 'caps.tar'),
        '--xattrs',
        '--xattrs-include=*',
        '-C',
        join(context, 'root'),
        'ping',
      ]);
      if (made.status !== 0) return t.skip('GNU tar with xattrs is not installed');
      const { imageId } = await lab.build(context);
      const attributes = (await nodeOf(imageId, 'ping')).xattrs();
      assert.deepEqual(Buffer.from(attributes.get('security.capability') ?? []), capability);
      assert.deepEqual(Buffer.from(attributes.get('user.nul') ?? []), Buffer.from('a\0b'));
      await lab.engine.tag(imageId, 'caps:1');
      const copied = await lab.build({ dockerfile: 'FROM scratch\nCOPY --from=caps:1 /ping /copy\n' });
      assert.deepEqual(
        Buffer.from((await nodeOf(copied.imageId, 'copy')).xattrs().get('security.capability') ?? []),
        capability,
      );
      const touched = await lab.build({ dockerfile: 'FROM caps:1\nRUN touch -d @5 /ping\n' });
      assert.deepEqual(
        Buffer.from((await nodeOf(touched.imageId, 'ping')).xattrs().get('security.capability') ?? []),
        capability,
      );
    },
  );

  test('F-016: names that are no text are kept byte for byte', async () => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY names /n/\nCOPY names/?st /one/\n' });
    mkdirSync(join(context, 'names'));
    const names = [
      Buffer.from([0xff, 0xfe]),
      Buffer.from([0xcb, 0xcf, 0xc9]),
      Buffer.from('\u00fcst'),
      Buffer.from('\u{1F980}'),
    ];
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${context}/names/`), name]), name);
    const { imageId } = await lab.build(context);
    const found = [...(await nodeOf(imageId, 'n')).children()].map(([name]) =>
      Buffer.from(name, 'latin1').toString('hex'),
    );
    assert.deepEqual(found, names.map((name) => name.toString('hex')).toSorted());
    assert.deepEqual(
      [...(await lab.tree(imageId)).keys()].filter((path) => path.startsWith('one/')),
      ['one/\u00fcst'],
    );
  });

  test('a file of a gigabyte goes through in little memory', { timeout: 60_000 }, async () => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY big /\n', big: 'begin' });
    truncateSync(join(context, 'big'), 1024 ** 3);
    appendFileSync(join(context, 'big'), 'end');
    const before = process.memoryUsage().rss;
    const { imageId } = await lab.build(context);
    assert.ok(process.memoryUsage().rss - before < 150 * 1024 * 1024, 'memory grows by less than 150 MiB');
    const node = await nodeOf(imageId, 'big');
    assert.equal(node.sizeBytes, 1024 ** 3 + 3);
    await lab.engine.removeImage(imageId, { force: true });
  });

  test('a large file that changes while it is copied fails the build', async () => {
    const context = lab.context({
      Dockerfile: 'FROM scratch\nCOPY a b /\n',
      a: 'a'.repeat(1000),
      b: 'b'.repeat(100_000),
    });
    let changed = false;
    await assert.rejects(
      lab.build(context, {
        progress: (event) => {
          if (changed || event.kind !== 'vertex-started' || !event.name.includes('COPY')) return;
          changed = true;
          writeFileSync(join(context, 'b'), 'longer');
        },
      }),
      (error) => isShaleError(error, 'CONTENT_CHANGED'),
    );
  });

  describe('.dockerignore', () => {
    const files = {
      'a.md': '',
      'b.txt': '',
      'docs/c.md': '',
      'docs/d.txt': '',
      'node_modules/x/y.js': '',
      '.git/HEAD': '',
    };
    async function kept(ignore: string, extra: Readonly<Record<string, string>> = {}): Promise<string[]> {
      const context = lab.context({
        ...files,
        ...extra,
        '.dockerignore': ignore,
        Dockerfile: 'FROM scratch\nCOPY . /\n',
      });
      const { imageId } = await lab.build(context);
      const paths = [...(await lab.tree(imageId))].filter(([, node]) => node.kind === 'file').map(([path]) => path);
      return paths.filter((path) => path in files);
    }

    test('leaves out what it names, with exceptions, comments and CR LF', async () => {
      assert.deepEqual(await kept('# comment\r\n**/*.md\r\n!docs/c.md\r\nnode_modules\r\n.git\r\n'), [
        'b.txt',
        'docs/c.md',
        'docs/d.txt',
      ]);
      assert.deepEqual(await kept('*\n!docs\n'), ['docs/c.md', 'docs/d.txt']);
      assert.deepEqual(await kept('*\n!docs/d.txt'), ['docs/d.txt']);
    });

    test('of a Dockerfile wins over the one of the context', async () => {
      const context = lab.context({
        ...files,
        '.dockerignore': '*',
        'other.Dockerfile': 'FROM scratch\nCOPY . /\n',
        'other.Dockerfile.dockerignore': 'docs\n.git\nnode_modules\n',
      });
      const { imageId } = await lab.build(context, {
        dockerfile: { kind: 'file', path: join(context, 'other.Dockerfile') },
      });
      assert.deepEqual(
        [...(await lab.tree(imageId)).keys()].filter((path) => path in files),
        ['a.md', 'b.txt'],
      );
    });

    test('does not keep the Dockerfile itself from being read, and says why a source is missing', async () => {
      const context = lab.context({ ...files, '.dockerignore': '*', Dockerfile: 'FROM scratch\nCOPY b.txt /\n' });
      await assert.rejects(lab.build(context), (error) => {
        assert.ok(isShaleError(error, 'COPY_SOURCE_NOT_FOUND'));
        assert.match(error.hint ?? '', /\.dockerignore leaves b\.txt out/);
        return true;
      });
    });

    test('that is a link within the context is followed, one that leads out of it is refused', async () => {
      const context = lab.context({
        ...files,
        '.gitignore': 'docs\n.git\nnode_modules\n',
        Dockerfile: 'FROM scratch\nCOPY . /\n',
      });
      symlinkSync('.gitignore', join(context, '.dockerignore'));
      const { imageId } = await lab.build(context);
      assert.equal((await lab.tree(imageId)).has('docs'), false);
      rmSync(join(context, '.dockerignore'));
      symlinkSync('/etc/passwd', join(context, '.dockerignore'));
      await refuses(context, 'CONTEXT_FILE_INVALID');
      rmSync(join(context, '.dockerignore'));
      rmSync(join(context, 'Dockerfile'));
      const outside = lab.context({ Dockerfile: 'FROM scratch\nCOPY a.md /\n' });
      symlinkSync(join(outside, 'Dockerfile'), join(context, 'Dockerfile'));
      await refuses(context, 'CONTEXT_FILE_INVALID');
    });
  });

  test('--parents keeps the folders that lead to what it names, from the pivot on', async () => {
    const files = ['a/b/c/d/foo', 'a/b/c/d/e/bay', 'a/b2/c/d/e/bar', 'a/b/c2/d/e/baz', 'a/b/c2/d/e2/baz', 'other/x'];
    const context = lab.context(Object.fromEntries(files.map((file) => [`test/${file}`, file])));
    chmodSync(join(context, 'test/a/b'), 0o700);
    const copied = async (...lines: string[]): Promise<string[]> => {
      writeFileSync(join(context, 'Dockerfile'), ['FROM scratch', ...lines, ''].join('\n'));
      const { imageId } = await lab.build(context);
      const tree = [...(await lab.tree(imageId))];
      return tree.filter(([, node]) => node.kind !== 'directory' || node.mode !== 0o755).map(([path]) => path);
    };
    assert.deepEqual(await copied('COPY --parents test/a/b/c/d/foo /out/'), ['out/test/a/b', 'out/test/a/b/c/d/foo']);
    assert.deepEqual(await copied('COPY --parents /test/a/b/./c/d /out/'), ['out/c/d/e/bay', 'out/c/d/foo']);
    assert.deepEqual(await copied('COPY --parents test/a/b/c/d/. /out/'), [
      'out/test/a/b',
      'out/test/a/b/c/d/e/bay',
      'out/test/a/b/c/d/foo',
    ]);
    assert.deepEqual(await copied('COPY --parents /test/a/./b/./c /out/'), [
      'out/b',
      'out/b/c/d/e/bay',
      'out/b/c/d/foo',
    ]);
    assert.deepEqual(await copied('COPY --parents /test/a/./*/c /out/'), [
      'out/b',
      'out/b/c/d/e/bay',
      'out/b/c/d/foo',
      'out/b2/c/d/e/bar',
    ]);
    assert.deepEqual(await copied('COPY --parents /test/a/b*/./c/**/e /out/'), ['out/c/d/e/bar', 'out/c/d/e/bay']);
    assert.deepEqual(await copied('COPY --parents /test/a/b/c*/./d/**/baz /test/a/b*/./c/**/bar /out/'), [
      'out/c/d/e/bar',
      'out/d/e/baz',
      'out/d/e2/baz',
    ]);
    assert.deepEqual(await copied('COPY --parents --exclude=**/e2 test/a/b/./c2 /out/'), ['out/c2/d/e/baz']);
    assert.deepEqual(await copied('COPY --parents /test/a/b/./nothing* /out/'), []);
    assert.deepEqual(await copied('COPY --parents test/o*/x test/a/b2 /'), ['test/a/b2/c/d/e/bar', 'test/other/x']);
    await refuses(context, 'COPY_SOURCE_NOT_FOUND', {
      dockerfile: {
        kind: 'file',
        path: join(lab.context({ f: 'FROM scratch\nCOPY --parents test/missing /out/\n' }), 'f'),
      },
    });
    const stage = await lab.build({
      dockerfile: 'FROM busybox AS s\nFROM scratch\nCOPY --parents --from=s /etc/./pass* /bin/[[] /x/\n',
    });
    assert.deepEqual(await outline(stage.imageId), [
      'x directory 755 0:0',
      'x/bin directory 755 0:0',
      'x/bin/[ file 755 0:0',
      'x/passwd file 644 0:0',
    ]);
  });

  test('F-207: links of a context are copied as links, and never lead to files of the host', async () => {
    const outside = lab.newFolder();
    writeFileSync(join(outside, 'secret'), 'host secret');
    const context = lab.context({ 'dir/real': 'inside' });
    symlinkSync(join(outside, 'secret'), join(context, 'absolute'));
    symlinkSync(`${'../'.repeat(20)}${outside.slice(1)}/secret`, join(context, 'dir/climbing'));
    symlinkSync(outside, join(context, 'folder'));
    symlinkSync('dir', join(context, 'inner'));
    const dockerfile = (line: string): string => {
      writeFileSync(join(context, 'Dockerfile'), `FROM scratch\n${line}\n`);
      return context;
    };
    const all = await lab.build(dockerfile('COPY . /'));
    assert.deepEqual(
      (await outline(all.imageId, /absolute|climbing|folder|inner/)).map((line) => line.split(' ')[1]),
      ['symlink', 'symlink', 'symlink', 'symlink'],
    );
    for (const source of ['absolute', 'dir/climbing', 'folder/secret', 'folder/', 'folder/*'])
      await refuses(dockerfile(`COPY ${source} /x/`), 'COPY_SOURCE_NOT_FOUND');
    const through = await lab.build(dockerfile('COPY inner/real /x'));
    assert.equal((await lab.read(through.imageId, '/x')).toString(), 'inside');
    const blobs = readdirSync(join(lab.home, 'blobs/sha256'));
    const secret = createHash('sha256').update('host secret').digest('hex');
    assert.equal(blobs.includes(secret), false);
  });

  test(
    'F-050: pipes, sockets and devices in a context are copied as what they are, and never opened',
    { skip: !isRoot && 'needs root', timeout: 20_000 },
    async () => {
      const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY odd /odd/\n', 'odd/file': '' });
      spawnSync('mkfifo', [join(context, 'odd/pipe')]);
      spawnSync('mknod', [join(context, 'odd/null'), 'c', '1', '3']);
      const { createServer } = await import('node:net');
      const server = createServer().listen(join(context, 'odd/socket'));
      await new Promise((resolve) => server.once('listening', resolve));
      try {
        assert.ok(lstatSync(join(context, 'odd/socket')).isSocket());
        const { imageId } = await lab.build(context);
        assert.deepEqual(
          (await outline(imageId, /^odd\//)).map((line) => line.split(' ').slice(0, 2).join(' ')),
          ['odd/file file', 'odd/null character', 'odd/pipe fifo', 'odd/socket file'],
        );
      } finally {
        server.close();
      }
    },
  );

  test('COPY of several sources fills one folder, and a file cannot replace a folder', async () => {
    const files = { a: 'a', b: 'b', 'd/e': 'e' };
    const build = (line: string): string => lab.context({ ...files, Dockerfile: `FROM scratch\n${line}\n` });
    // As BuildKit: one after the other to the same name.
    assert.equal((await lab.read((await lab.build(build('COPY a b /file'))).imageId, '/file')).toString(), 'b');
    await refuses(build('COPY d /x/a\nCOPY a /x/'), 'COPY_OVER_DIRECTORY');
    await refuses(build('COPY a /x\nCOPY b /x/y'), 'COPY_NOT_A_DIRECTORY');
    await refuses(build('COPY missing* nothing /x/'), 'COPY_SOURCE_NOT_FOUND');
    const { imageId } = await lab.build(build('COPY a d /x/\nCOPY missing* b /x/'));
    assert.deepEqual([...(await lab.tree(imageId)).keys()], ['x', 'x/a', 'x/b', 'x/e']);
  });
});

function program(name: string, bytes: Buffer): Buffer | undefined {
  const result = spawnSync(name, ['-c'], { input: bytes, maxBuffer: 64 * 1024 * 1024 });
  return result.status === 0 ? result.stdout : undefined;
}
