import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeTarHeader, TAR_END, type TarEntry } from '../../src/archive/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { ContainerLab, SHALE, until } from './container-lab.ts';

const skip = BUSYBOX.missing || cannotRun;
const noStrace = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed';

describe('cp', { skip }, () => {
  let world: ContainerLab;
  let folder: string;
  before(async () => {
    world = await ContainerLab.open();
    folder = world.lab.newFolder();
  });
  after(() => world[Symbol.asyncDispose]());

  const out = (container: string, path: string, to: string, followLink = false): Promise<void> =>
    world.lab.engine.copy({
      from: { kind: 'container', container, path },
      to: { kind: 'host', path: to },
      followLink,
      keepOwners: false,
    });
  const into = (path: string, container: string, to: string): Promise<void> =>
    world.lab.engine.copy({
      from: { kind: 'host', path },
      to: { kind: 'container', container, path: to },
      followLink: false,
      keepOwners: false,
    });
  const at = (name: string): string => join(folder, name);
  const text = (name: string): string => readFileSync(at(name), 'utf8');
  const write = (name: string, content: string): string => {
    mkdirSync(join(at(name), '..'), { recursive: true });
    writeFileSync(at(name), content);
    return at(name);
  };

  test('F-265: links of a container lead nowhere out of it, whichever way a copy goes', async () => {
    const secret = write('secret', 'of the host');
    const id = await world.run(
      `ln -s ${secret} /abs; ln -s ../../../../../../..${secret} /up; ln -s ${folder} /dir; ` +
        `mkdir -p ${folder}; echo inside > ${secret}; ln -s /proc/1/root /root1; echo ready; sleep 600`,
      { name: 'links' },
    );
    await until(async () => (await world.logs(id)) === 'ready\n', 'it has made its links');
    await out(id, '/abs', at('abs-out'), true);
    await out(id, '/up', at('up-out'), true);
    assert.deepEqual([text('abs-out'), text('up-out')], ['inside\n', 'inside\n']);
    await out(id, '/abs', at('abs-link'));
    assert.equal(readlinkSync(at('abs-link')), secret);
    await assert.rejects(out(id, `/root1${secret}`, at('magic')), { code: /COPY_/ });
    write('new', 'from the host');
    await into(at('new'), id, '/dir/secret');
    await into(at('new'), id, '/dir/fresh');
    assert.equal(text('secret'), 'of the host');
    assert.equal(existsSync(at('fresh')), false);
    assert.equal(world.exec(id, `cat ${folder}/fresh`).stdout, 'from the host');
    await world.lab.engine.removeContainer(id, { force: true, volumes: true });
  });

  test('F-265: a container cannot have a copy written elsewhere by the links in what it gives', async () => {
    const id = await world.create('mkdir -p /tree/sub; ln -s /etc /tree/link; echo x > /tree/sub/file');
    await world.runToEnd(id);
    await out(id, '/tree/.', at('copied'));
    assert.equal(readlinkSync(at('copied/link')), '/etc');
    assert.equal(text('copied/sub/file'), 'x\n');
    // A second copy finds the link of the first: nothing is written through it.
    const evil = await world.create('mkdir -p /tree/link; echo owned > /tree/link/owned');
    await world.runToEnd(evil);
    await assert.rejects(out(evil, '/tree/.', at('copied')), { code: 'COPY_INVALID' });
    assert.equal(existsSync('/etc/owned'), false);
  });

  test('F-267: cp runs and loads nothing of the container', { skip: noStrace }, async () => {
    const id = await world.run(
      'mkdir -p /lib64 /lib/x86_64-linux-gnu /usr/lib; for f in /lib64/libnss_files.so.2 /lib/x86_64-linux-gnu/libnss_files.so.2 ' +
        '/usr/lib/libnss_files.so.2; do echo no library > $f; done; echo "passwd: evil" > /etc/nsswitch.conf; ' +
        'echo ready; sleep 600',
    );
    await until(async () => (await world.logs(id)) === 'ready\n', 'it has laid its traps');
    const trace = at('trace');
    const call = ['-f', '-qq', '-e', 'trace=execve,openat,open,openat2', '-o', trace, SHALE];
    for (const words of [
      ['cp', `${id}:/etc/passwd`, at('taken')],
      ['cp', at('taken'), `${id}:/tmp/given`],
    ]) {
      execFileSync('strace', [...call, ...words], { env: world.env });
      const lines = text('trace').split('\n');
      // In the container are the rootfs behind /proc/PID/root and what is opened from its descriptors.
      const inside = lines.filter((line) => /"(\/proc\/\d+\/root\/|\/proc\/self\/fd\/\d+\/)/.test(line));
      assert.ok(inside.length > 0, 'the copy is seen');
      assert.deepEqual(
        inside.filter((line) => /execve|\.so|nsswitch/.test(line)),
        [],
      );
      assert.deepEqual(
        lines.filter((line) => /libnss|nsswitch/.test(line)),
        [],
      );
    }
    await world.lab.engine.removeContainer(id, { force: true, volumes: true });
  });

  test('F-268: files reach volumes, bind mounts and stopped containers; what is read-only stays as it is', async () => {
    mkdirSync(at('bound'));
    const volumes = [
      { kind: 'bind', source: at('bound'), target: '/bound', readOnly: false },
      { kind: 'bind', source: at('bound'), target: '/frozen', readOnly: true },
      { kind: 'volume', name: 'kept', target: '/kept', readOnly: false, noCopy: false },
    ] as const;
    const id = await world.create('cat /bound/f /kept/f /top; stat -c %u:%g /top', { volumes });
    write('f', 'one\n');
    for (const running of [false, true]) {
      if (running) await world.runToEnd(id);
      await into(at('f'), id, '/bound/');
      await into(at('f'), id, '/kept/f');
      await into(at('f'), id, '/top');
      await assert.rejects(into(at('f'), id, '/frozen/g'), { code: 'COPY_READ_ONLY' });
    }
    assert.equal(text('bound/f'), 'one\n');
    await world.runToEnd(id);
    assert.ok((await world.logs(id)).endsWith('one\none\none\n0:0\n'));
    const readOnly = await world.create('true', { readOnly: true });
    await assert.rejects(into(at('f'), readOnly, '/f'), { code: 'COPY_READ_ONLY' });
    await out(readOnly, '/etc/passwd', at('passwd'));
    assert.match(text('passwd'), /^root:/);
  });

  test('F-270: what is at the destination decides what the copy is called, as docker cp says', async () => {
    const id = await world.create('mkdir -p /d/e /x; echo f > /d/f; echo g > /d/e/g');
    await world.runToEnd(id);
    await out(id, '/d', at('absent'));
    assert.equal(text('absent/e/g'), 'g\n');
    mkdirSync(at('there'));
    await out(id, '/d', at('there'));
    await out(id, '/d/.', at('there'));
    assert.deepEqual([text('there/d/f'), text('there/f')], ['f\n', 'f\n']);
    await out(id, '/d/f', at('there/renamed'));
    assert.equal(text('there/renamed'), 'f\n');
    await assert.rejects(out(id, '/d', at('there/f')), { code: 'COPY_INVALID' });
    await assert.rejects(out(id, '/d/f', at('nowhere/')), { code: 'COPY_INVALID' });
    await assert.rejects(out(id, '/d/f', at('no/such/f')), { code: 'COPY_NOT_FOUND' });
    await assert.rejects(out(id, '/d/f/', at('y')), { code: 'COPY_INVALID' });
    await assert.rejects(out(id, '/nosuch', at('y')), { code: 'COPY_NOT_FOUND' });
    await assert.rejects(into(at('there'), id, '/d/f'), { code: 'COPY_INVALID' });
    await into(at('there'), id, '/x');
    await into(`${at('there')}/.`, id, '/x');
    await into(at('there'), id, '/fresh');
    const { stdout } = world.shale(['export', id]);
    const names = execFileSync('tar', ['-t'], { input: Buffer.from(stdout, 'latin1') }).toString();
    for (const name of ['x/there/f', 'x/f', 'fresh/d/e/g']) assert.match(names, new RegExp(`^${name}$`, 'm'));
  });

  test('F-270: tars go in and out as streams; one that climbs out is refused whole', async () => {
    const id = await world.create('true');
    const tar = execFileSync('tar', ['-C', folder, '-cf', '-', '--', 'f']);
    assert.equal(world.shale(['cp', '-', `${id}:/etc`], { input: tar }).status, 0);
    const back = world.shale(['cp', `${id}:/etc/f`, '-']);
    assert.equal(execFileSync('tar', ['-xO'], { input: Buffer.from(back.stdout, 'latin1') }).toString(), 'one\n');
    assert.equal(world.shale(['cp', '-', `${id}:/etc/f`], { input: tar }).status, 1);
    const climbing: TarEntry = {
      path: 'ok/../../escaped',
      kind: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtimeNs: 0n,
      sizeBytes: 0,
      linkTarget: '',
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: new Map(),
    };
    const unsafe = Buffer.concat([encodeTarHeader(climbing), TAR_END]);
    const refused = world.shale(['cp', '-', `${id}:/etc`], { input: unsafe });
    assert.equal(refused.status, 1);
    assert.equal(existsSync(join(folder, 'escaped')), false);
  });

  test('modes, times, links and hard links of a tree are the same after a way in and out', async () => {
    const id = await world.create('true');
    mkdirSync(at('tree/deep'), { recursive: true });
    write('tree/deep/file', 'content');
    execFileSync(
      'sh',
      [
        '-c',
        'chmod 2750 deep; chmod 4711 deep/file; ln deep/file hard; ln -s deep/file soft; mkfifo p; touch -d 2001-02-03T04:05:06Z deep/file',
      ],
      {
        cwd: at('tree'),
      },
    );
    await into(at('tree'), id, '/');
    await out(id, '/tree', at('back'));
    const list = (name: string): string =>
      execFileSync('sh', ['-c', 'find . -printf "%P %y %m %s %l %n %T@\\n" | grep -v "^ d" | sort'], { cwd: at(name) })
        .toString()
        .replaceAll(/^(\S+ d \S+) \S+/gm, '$1');
    assert.equal(list('back'), list('tree'));
    assert.equal(statSync(at('back/hard')).ino, statSync(at('back/deep/file')).ino);
  });
});
