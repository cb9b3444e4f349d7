/** Layers that lead somewhere else, nodes of devices, full disks, and users that are not root. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { isShaleError, streamOf } from '../../src/base/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { snapshot } from '../support/tree-snapshot.ts';

const isRoot = process.getuid?.() === 0;
const PROGRAM = join(import.meta.dirname, '../../bin/shale');
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });

describe('layers', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  /** An image of busybox and one layer on top, as somebody else may have made it. */
  async function imageOf(name: string, ...members: Buffer[]): Promise<string> {
    const context = lab.context({ Dockerfile: 'FROM busybox\nCOPY placeholder /placeholder\n', placeholder: '' });
    const base = await lab.build(context, { tags: ['base:1'] });
    const layer = tar(...members);
    const { loaded } = await withTopLayer(base.imageId, layer, name);
    return loaded;
  }

  async function withTopLayer(baseId: string, layer: Buffer, name: string): Promise<{ loaded: string }> {
    const parts: Uint8Array[] = [];
    await lab.engine.tag(baseId, 'below:1');
    for await (const chunk of lab.engine.save({ images: ['below:1'], format: 'docker' }, watch()))
      parts.push(Buffer.from(chunk));
    const folder = lab.newFolder();
    execFileSync('tar', ['-xf', '-', '-C', folder], { input: Buffer.concat(parts) });
    const [{ Config, Layers }] = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as [
      { Config: string; Layers: string[] },
    ];
    const config = JSON.parse(readFileSync(join(folder, Config), 'utf8')) as {
      rootfs: { diff_ids: string[] };
      history: unknown[];
    };
    config.rootfs.diff_ids.push(`sha256:${sha256(layer)}`);
    config.history.push({ created_by: 'foreign' });
    writeFileSync(join(folder, 'foreign.json'), JSON.stringify(config));
    writeFileSync(join(folder, 'foreign.tar'), layer);
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify([{ Config: 'foreign.json', RepoTags: [name], Layers: [...Layers, 'foreign.tar'] }]),
    );
    rmSync(join(folder, 'index.json'), { force: true });
    const archive = execFileSync('tar', ['-cf', '-', '-C', folder, '.'], { maxBuffer: 64 * 1024 * 1024 });
    const [loaded] = await lab.engine.load(streamOf(archive), watch());
    return { loaded: loaded?.imageId ?? assert.fail('nothing was loaded') };
  }

  /** A folder of the host that nothing may touch. */
  function canary(): { readonly path: string; readonly unchanged: () => void } {
    const path = lab.newFolder();
    mkdirSync(join(path, 'sub'));
    writeFileSync(join(path, 'sub/file'), 'host', { mode: 0o640 });
    const before = snapshot(path);
    return { path, unchanged: () => assert.deepEqual(snapshot(path), before) };
  }

  /** What a container sees, against what the indexes say. */
  async function seen(name: string, command: string): Promise<string> {
    return (await lab.build({ dockerfile: `FROM ${name}\nRUN ${command}\n` })).log;
  }

  test('F-032: absolute names start at the root of the image', async () => {
    const id = await imageOf(
      'absolute:1',
      member({ name: '/etc/one' }, '1'),
      member({ name: '//etc/two' }, '2'),
      member({ name: '/./etc/three' }, '3'),
    );
    for (const [name, text] of Object.entries({ one: '1', two: '2', three: '3' }))
      assert.equal((await lab.read(id, `/etc/${name}`)).toString(), text);
    assert.equal(await seen('absolute:1', 'cat /etc/one /etc/two /etc/three'), '123');
  });

  test('F-033: a link to a folder of the host and a file through it stay in the image', async () => {
    const host = canary();
    await imageOf(
      'through:1',
      member({ name: 'd', type: '2', link: host.path }),
      member({ name: 'd/sub/file' }, 'image'),
    );
    assert.equal(await seen('through:1', `cat /d/sub/file ${host.path}/sub/file`), 'imageimage');
    host.unchanged();
  });

  test('F-037: links that lead out or nowhere are kept as they are', async () => {
    const id = await imageOf(
      'dangling:1',
      member({ name: 'out', type: '2', link: '../../../../etc/shadow' }),
      member({ name: 'nowhere', type: '2', link: 'a/b/../c//d/' }),
    );
    const { view } = await lab.stack(id);
    assert.equal(view.find('out')?.linkTarget(), '../../../../etc/shadow');
    assert.equal(view.find('nowhere')?.linkTarget(), 'a/b/../c//d/');
    assert.equal(
      await seen('dangling:1', 'for n in /out /nowhere; do readlink $n; done'),
      '../../../../etc/shadow\na/b/../c//d/\n',
    );
  });

  test('F-038: an absolute hard link starts at the root of the image, one that climbs out is refused', async () => {
    const id = await imageOf(
      'kaniko:1',
      member({ name: 'usr/one' }, 'linked'),
      member({ name: 'usr/two', type: '1', link: '/usr/one' }),
    );
    assert.equal((await lab.read(id, '/usr/two')).toString(), 'linked');
    for (const link of ['../../etc/passwd', '/../../etc/passwd', 'missing/file'])
      await assert.rejects(imageOf('evil:1', member({ name: 'h', type: '1', link })), (error) => isShaleError(error));
  });

  test('F-040: a hard link to a link that leads out changes nothing of the host', async () => {
    const host = canary();
    const file = `${host.path}/sub/file`;
    await imageOf(
      'hardsoft:1',
      member({ name: 'soft', type: '2', link: file }),
      member({ name: 'hard', type: '1', link: 'soft', mode: '0000777\0' }),
      member({ name: 'hard2', type: '1', link: 'soft', mode: '0006777\0' }),
    );
    assert.equal(await seen('hardsoft:1', 'for n in /hard /hard2; do readlink $n; done'), `${file}\n${file}\n`);
    host.unchanged();
  });

  test('F-051: files below dev, proc and sys are kept as data, and a link in their place is not run', async () => {
    const host = canary();
    const id = await imageOf(
      'special:1',
      member({ name: 'dev/file' }, 'data'),
      member({ name: 'proc/file' }, 'data'),
      member({ name: 'sys/kernel/file' }, 'data'),
    );
    for (const path of ['/dev/file', '/proc/file', '/sys/kernel/file'])
      assert.equal((await lab.read(id, path)).toString(), 'data');
    assert.equal(await seen('special:1', 'ls /dev/file /proc/file 2>/dev/null; echo ran'), 'ran\n');
    for (const name of ['dev', 'proc', 'sys']) {
      const members = [member({ name: `${name}/`, type: '5' }), member({ name, type: '2', link: host.path })];
      await imageOf(`${name}:1`, ...members.slice(1));
      await assert.rejects(
        seen(`${name}:1`, 'true'),
        (error) => isShaleError(error, 'ROOTFS_UNSAFE', 'EXEC_FAILED') && /link|directory/.test(error.message),
        name,
      );
    }
    host.unchanged();
  });

  test('F-055, F-056: whiteouts remove links and not what they lead to, and stay in the image', async () => {
    const host = canary();
    await imageOf(
      'lower:1',
      member({ name: 'hostlink', type: '2', link: host.path }),
      member({ name: 'etclink', type: '2', link: '/etc' }),
    );
    const removed = await withTopLayer(
      (await lab.engine.inspect('lower:1', 'image'))['Id'] as string,
      tar(member({ name: '.wh.hostlink' }, ''), member({ name: 'etclink/.wh.passwd' }, '')),
      'removed:1',
    );
    const tree = await lab.tree(removed.loaded);
    assert.equal(tree.has('hostlink'), false);
    assert.equal(tree.has('etc/passwd'), false);
    assert.equal(tree.has('etc/group'), true);
    const built = await lab.build({ dockerfile: 'FROM removed:1\nRUN ls /etc; ls -d /hostlink 2>&1 | wc -l\n' });
    assert.doesNotMatch(built.log, /passwd/);
    host.unchanged();
  });
});

describe('a full disk', { skip: !isRoot && 'needs root to mount a small one' }, () => {
  test('F-052: a layer that does not fit is refused, its room is given back, and smaller ones go on', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-small-'));
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'none', folder]).status !== 0) {
      rmSync(folder, { recursive: true });
      return t.skip('cannot mount a tmpfs here');
    }
    try {
      const engine = await openEngine({
        home: join(folder, 'home'),
        runRoot: join(folder, 'run'),
        now: Date.now,
        env: {},
        insecureRegistries: [],
      });
      const free = (): number => statfsSync(folder).bavail * statfsSync(folder).bsize;
      const small = (): Promise<unknown> =>
        engine.importImage(streamOf(tar(member({ name: 'f' }, 'x'))), { tag: 'small:1', changes: [] }, watch());
      await small();
      const before = free();
      const zeros = async function* (): AsyncGenerator<Uint8Array> {
        yield member({ name: 'big', size: '17777777777\0' }).subarray(0, 512);
        const chunk = Buffer.alloc(1024 * 1024);
        for (let i = 0; i < 8192; i++) yield chunk;
      };
      await assert.rejects(
        engine.importImage(zeros(), { tag: 'big:1', changes: [] }, watch()),
        (error) =>
          error instanceof Error &&
          /no space|ENOSPC/i.test(
            `${error.message} ${String(error.cause)} ${'code' in error ? String(error.code) : ''}`,
          ),
      );
      assert.ok(Math.abs(free() - before) < 1024 * 1024, `${before} bytes were free, ${free()} are`);
      assert.deepEqual(readdirSync(join(folder, 'home/ingest')), []);
      await small();
      assert.deepEqual((await engine.check({ full: true, repair: false }, watch())).findings, []);
      const images = await engine.images({ all: true });
      assert.deepEqual(
        images.flatMap(({ tag }) => tag?.repository ?? []),
        ['small'],
      );
      await engine[Symbol.asyncDispose]();
    } finally {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe(
  'a user who is not root',
  { skip: (!isRoot && 'needs root to become another user') || BUSYBOX.missing },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-nobody-'));
    const uid = 54_321;
    chmodSync(folder, 0o755);
    after(() => rmSync(folder, { recursive: true, force: true }));

    function asUser(
      words: readonly string[],
      input?: Buffer,
    ): { status: number | null; stdout: string; stderr: string } {
      const env = {
        PATH: process.env['PATH'],
        HOME: join(folder, 'user'),
        XDG_RUNTIME_DIR: join(folder, 'user'),
        NODE_COMPILE_CACHE: join(folder, 'user/.cache'),
      };
      return spawnSync(process.execPath, [PROGRAM, ...words], {
        uid,
        gid: uid,
        env,
        cwd: folder,
        input: input ?? '',
        encoding: 'utf8',
      });
    }

    test('F-053: foreign owners are kept as numbers, and refused where they would have to be made', (t) => {
      mkdirSync(join(folder, 'user'));
      spawnSync('chown', [`${uid}:${uid}`, join(folder, 'user')]);
      if (asUser(['version']).status !== 0) return t.skip('another user cannot read this checkout');
      mkdirSync(join(folder, 'context'));
      cpSync(BUSYBOX.path, join(folder, 'busybox.tar.gz'));
      writeFileSync(join(folder, 'context/f'), 'x');
      writeFileSync(join(folder, 'context/Dockerfile'), 'FROM busybox\nCOPY --chown=7:8 --chmod=6755 f /bin/suid\n');
      symlinkSync('/etc/shadow', join(folder, 'context/link'));
      const imported = asUser(['import', 'busybox.tar.gz', 'busybox']);
      assert.equal(imported.status, 0, imported.stderr);
      const built = asUser(['build', '-q', '-t', 'mine', 'context']);
      assert.equal(built.status, 0, built.stderr);
      const saved = join(folder, 'user/saved.tar');
      assert.equal(asUser(['save', '-o', saved, 'mine']).status, 0);
      const home = spawnSync('find', [join(folder, 'user'), '-perm', '/6000'], { encoding: 'utf8' });
      assert.equal(home.stdout, '', 'no file of the store has the bits of a program that changes its user');
      writeFileSync(join(folder, 'context/Dockerfile'), 'FROM mine\nRUN true\n');
      const ran = asUser(['build', '-q', '--network=none', 'context']);
      assert.notEqual(ran.status, 0);
      // This user has no subordinate ids; on some machines no user namespace at all.
      assert.match(
        ran.stderr,
        /suid belongs to 7:8, which this user namespace does not have|need root or a user namespace/,
      );
      assert.ok(ran.stderr.trim().split('\n').length < 30, ran.stderr);
    });
  },
);
