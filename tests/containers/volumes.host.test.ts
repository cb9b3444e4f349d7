/** Volumes and mounts by the command line, with docker 28.5's `inspect` (recorded) as the measure. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { done, type Ran, type Shale, shaleOf } from './command.ts';
import type { Fact, Facts } from './option-cases.ts';

const facts = JSON.parse(readFileSync(join(import.meta.dirname, 'docker-options.json'), 'utf8')) as Facts; // by record-options.ts

/** Fields of HostConfig that mounts are in. */
const FIELDS = ['Binds', 'Mounts', 'Tmpfs', 'VolumesFrom'] as const;

type Fields = Readonly<Record<string, unknown>>;

/** Names of anonymous volumes and places of the store are not docker's. */
function plainPoints(points: readonly Fields[]): unknown[] {
  return points.map((point) => ({
    ...point,
    ...(point['Type'] === 'volume' && { Source: 'a volume' }),
    ...(/^[0-9a-f]{64}$/.test(String(point['Name'])) && { Name: 'anonymous' }),
  }));
}

/** What is compared of `HostConfig`. docker marks anonymous volumes with a label. */
function mountFields(host: Fields, base: Fields): unknown {
  const text = JSON.stringify(FIELDS.map((name) => host[name] ?? base[name] ?? null));
  return JSON.parse(text.replace(',"com.docker.volume.anonymous":""', ''));
}

describe('volumes and mounts', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
    await lab.build(
      {
        dockerfile:
          'FROM busybox\nRUN mkdir -p /data/sub && echo hello > /data/sub/file && chown -R 7:8 /data && chmod 750 /data && ln -s /etc /data/link\nVOLUME /data\n',
      },
      { tags: ['withdata'] },
    );
  });
  after(async () => {
    for (const { id } of await lab.engine.containers({ all: true }))
      await lab.engine.removeContainer(id, { force: true, volumes: true });
    await lab[Symbol.asyncDispose]();
  });

  const shale: Shale = (...words) => shaleOf(lab)(...words);
  const run = (options: readonly string[], image: string, script: string): Promise<Ran> =>
    shale('run', '--rm', '--network', 'none', ...options, image, 'sh', '-c', script);
  const ls = (): Promise<string> => done(shale('volume', 'ls', '-q'));

  const compared = facts.cases.filter(
    (fact) =>
      fact.refused === undefined &&
      ((fact.Mounts ?? []).length > 0 || FIELDS.some((name) => name in (fact.HostConfig ?? {}))) &&
      !/type=image|rshared|:foo|volume-driver local -v| a:b|volume-subpath/.test(` ${fact.options.join(' ')}`),
  );
  for (const fact of compared) {
    test(`inspect shows what docker shows: ${fact.options.join(' ')}`, async () => {
      const id = await done(shale('run', '-d', '--network', 'none', ...fact.options, 'busybox', 'true'));
      const [shown] = JSON.parse(await done(shale('inspect', id))) as [
        { HostConfig: Fields; Mounts: readonly Fields[] },
      ]; // docker's shape
      await done(shale('rm', '-f', '-v', id));
      const { HostConfig = {}, Mounts = [] }: Fact = fact;
      assert.deepEqual(mountFields(shown.HostConfig, {}), mountFields(HostConfig, facts.base.HostConfig));
      assert.deepEqual(plainPoints(shown.Mounts), plainPoints(Mounts));
    });
  }

  test('the volumes of the table are there until they are removed', async () => {
    assert.equal(await ls(), 'vvv\nwww');
    await done(shale('volume', 'prune', '-a', '-f'));
    assert.equal(await ls(), '');
  });

  test('a new volume gets the image’s files, with owner and mode; a used one and nocopy do not', async () => {
    const look = 'stat -c "%u %g %a" /data; cat /data/sub/file';
    assert.equal(await done(run(['-v', 'filled:/data'], 'withdata', look)), '7 8 750\nhello');
    await done(run(['-v', 'filled:/data'], 'withdata', 'echo changed > /data/sub/file'));
    assert.equal(await done(run(['-v', 'filled:/data'], 'withdata', 'cat /data/sub/file')), 'changed');
    const empty = await run(['-v', 'empty:/data:nocopy'], 'withdata', 'ls -A /data | wc -l');
    assert.equal(empty.stdout, '0\n');
    assert.equal(
      await done(run(['-v', 'new:/data:ro'], 'withdata', 'cat /data/sub/file; touch /data/x || echo ro')),
      'hello\nro',
    );
    for (const name of ['filled', 'empty', 'new']) assert.equal(await done(shale('volume', 'rm', name)), name);
  });

  test('VOLUME makes an anonymous volume, which goes with --rm and with rm -v, and stays with rm', async () => {
    const before = await ls();
    assert.equal(await done(run([], 'withdata', 'cat /data/sub/file')), 'hello');
    assert.equal(await ls(), before);
    const keep = await done(shale('run', '-d', '--network', 'none', 'withdata', 'true'));
    const [name = ''] = (await ls()).split('\n').filter((one) => /^[0-9a-f]{64}$/.test(one));
    assert.equal(
      await done(shale('volume', 'inspect', '-f', '{{json .Labels}}', name)),
      '{"com.docker.volume.anonymous":""}',
    );
    const inUse = await shale('volume', 'rm', name);
    assert.deepEqual([inUse.status, /is in use by container/.test(inUse.stderr)], [1, true]);
    await done(shale('rm', keep));
    assert.equal(await ls(), name);
    assert.match(
      await done(shale('volume', 'prune', '-f')),
      new RegExp(`^Deleted Volumes:\\n${name}\\n\\nTotal reclaimed space: `),
    );
    assert.equal(await ls(), '');
  });

  test('system df -v tells which containers hold a volume, and what each writes', async () => {
    const script = 'head -c 300000 /dev/zero > /data/f; head -c 50000 /dev/zero > /own';
    const flags = ['--name', 'writer', '--network', 'none', '-v', 'held:/data'];
    await done(shale('run', ...flags, 'busybox', 'sh', '-c', script));
    const usage = JSON.parse(await done(shale('system', 'df', '-v', '--format', 'json'))) as Record<string, Fields[]>;
    const rowOf = (key: string, name: string): Fields | undefined =>
      usage[key]?.find((row) => [row['Name'], row['Names'], row['Repository']].includes(name));
    const volume = rowOf('Volumes', 'held');
    assert.deepEqual([volume?.['Links'], rowOf('Images', 'busybox')?.['Containers']], ['1', '1']);
    assert.match(String(volume?.['Size']), /^3\d\dkB$/);
    assert.deepEqual(
      [rowOf('Containers', 'writer')?.['Size'], rowOf('Containers', 'writer')?.['LocalVolumes']],
      ['50kB', '1'],
    );
    await done(shale('rm', 'writer'));
    await done(shale('volume', 'rm', 'held'));
  });

  test('volume create, ls, inspect and prune answer as docker', async () => {
    assert.equal(await done(shale('volume', 'create', '--label', 'a=b', 'one')), 'one');
    assert.equal(await done(shale('volume', 'create', 'one')), 'one');
    assert.match(await done(shale('volume', 'create')), /^[0-9a-f]{64}$/);
    assert.match(await done(shale('volume', 'ls')), /^DRIVER {4}VOLUME NAME\nlocal {5}[0-9a-f]{64}\nlocal {5}one$/);
    assert.equal(await done(shale('volume', 'ls', '-f', 'label=a=b', '--format', '{{.Name}} {{.Labels}}')), 'one a=b');
    const [shown] = JSON.parse(await done(shale('volume', 'inspect', 'one'))) as [Fields]; // docker's shape
    // Found by its name alone, and among volumes only.
    assert.deepEqual(JSON.parse(await done(shale('inspect', 'one'))), [shown]);
    assert.deepEqual(JSON.parse(await done(shale('inspect', '--type', 'volume', 'one'))), [shown]);
    assert.equal((await shale('inspect', '--type', 'container', 'one')).status, 1);
    assert.deepEqual(Object.keys(shown), ['CreatedAt', 'Driver', 'Labels', 'Mountpoint', 'Name', 'Options', 'Scope']);
    assert.deepEqual([shown['Labels'], shown['Options'], shown['Scope']], [{ a: 'b' }, null, 'local']);
    await done(shale('volume', 'prune', '-f'));
    assert.equal(await ls(), 'one', 'named ones stay');
    await done(shale('volume', 'prune', '-a', '-f', '--filter', 'label=x'));
    assert.equal(await ls(), 'one', 'the filter lets nothing through');
    await done(shale('volume', 'prune', '-a', '-f'));
    assert.equal(await ls(), '');
    const gone = await shale('volume', 'rm', 'one', 'two');
    assert.deepEqual([gone.status, gone.stderr.match(/there is no volume/g)?.length], [1, 2]);
    assert.equal((await shale('volume', 'rm', '-f', 'one')).status, 0);
    const bad = await shale('volume', 'create', 'a/b');
    assert.deepEqual([bad.status, /is no name of a volume/.test(bad.stderr)], [1, true]);
    const option = await shale('volume', 'create', '-o', 'size=1m', 'x');
    assert.deepEqual([option.status, /has no option "size"/.test(option.stderr), await ls()], [1, true, '']);
  });

  test('--volumes-from brings volumes and folders, read-only when asked, and what is given here wins', async () => {
    const folder = lab.newFolder();
    writeFileSync(join(folder, 'file'), 'bound');
    const from = await done(
      shale('run', '-d', '--name', 'donor', '--network', 'none', '-v', `${folder}:/bound`, 'withdata', 'sleep', '1000'),
    );
    const script = 'cat /data/sub/file /bound/file; touch /bound/x && echo written';
    assert.equal(await done(run(['--volumes-from', 'donor'], 'busybox', script)), 'hello\nboundwritten');
    const readonly = await run(['--volumes-from', 'donor:ro'], 'busybox', script);
    assert.equal(readonly.stdout, 'hello\nbound');
    const own = await run(['--volumes-from', 'donor', '--tmpfs', '/data'], 'busybox', 'ls /data');
    assert.deepEqual([own.status, own.stdout], [0, '']);
    // A volume that somebody else has is not taken away with its first container.
    const second = await done(
      shale('run', '-d', '--network', 'none', '--volumes-from', 'donor', 'busybox', 'sleep', '1000'),
    );
    await done(shale('rm', '-f', '-v', from));
    assert.equal(await done(shale('exec', second, 'cat', '/data/sub/file')), 'hello');
    await done(shale('rm', '-f', '-v', second));
    await done(shale('volume', 'prune', '-f'));
    assert.equal(await ls(), '');
    const missing = await run(['--volumes-from', 'donor'], 'busybox', 'true');
    assert.deepEqual([missing.status, await ls()], [125, '']);
  });

  test('a volume with a device is mounted from it', async () => {
    await done(shale('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m', 'memory'));
    assert.match(
      await done(run(['-v', 'memory:/m'], 'busybox', 'grep " /m " /proc/mounts')),
      /^tmpfs \/m tmpfs .*size=1024k/,
    );
    const folder = lab.newFolder();
    writeFileSync(join(folder, 'file'), 'from the device');
    await done(shale('volume', 'create', '-o', 'type=none', '-o', `device=${folder}`, '-o', 'o=bind', 'bound'));
    assert.equal(await done(run(['-v', 'bound:/m'], 'busybox', 'cat /m/file')), 'from the device');
    const other = await shale('volume', 'create', '-o', 'type=none', '-o', 'device=/etc', '-o', 'o=bind', 'bound');
    assert.deepEqual([other.status, /exists with other options/.test(other.stderr)], [1, true]);
    await done(shale('volume', 'prune', '-a', '-f'));
    assert.equal(existsSync(join(folder, 'file')), true, 'what the device is stays');
  });

  test('volume-subpath mounts a folder of a volume, and F-245: never through a link', async () => {
    await done(
      run(
        ['-v', 'deep:/v'],
        'busybox',
        'mkdir -p /v/a/b; echo inner > /v/a/b/file; ln -s /etc /v/link; ln -s ../../.. /v/a/up',
      ),
    );
    const mount = (subpath: string): string => `type=volume,src=deep,dst=/s,volume-subpath=${subpath}`;
    assert.equal(await done(run(['--mount', mount('a/b')], 'busybox', 'cat /s/file')), 'inner');
    assert.equal(await done(run(['--mount', mount('a/b/file')], 'busybox', 'cat /s')), 'inner');
    for (const subpath of ['link', 'a/up', '../x', '/a', 'none']) {
      const { status, stderr } = await run(['--mount', mount(subpath)], 'busybox', 'ls /s');
      assert.deepEqual([status, /cannot be mounted from the volume/.test(stderr)], [125, true], subpath);
    }
    await done(shale('volume', 'rm', 'deep'));
  });

  test('F-245: sources and targets that lead elsewhere', async () => {
    const folder = lab.newFolder();
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real/file'), 'real');
    symlinkSync('real', join(folder, 'link'));
    chownSync(join(folder, 'real'), 5, 6);
    // A link as the source is followed on the host, as docker does; it is the user's.
    assert.equal(await done(run(['-v', `${folder}/link:/m`], 'busybox', 'cat /m/file; stat -c %u /m')), 'real5');
    await lab.build({ dockerfile: 'FROM busybox\nRUN ln -s / /mnt && ln -s /proc /p\n' }, { tags: ['links'] });
    const root = await run(['-v', `${folder}:/mnt`], 'links', 'true');
    assert.deepEqual([root.status, /it is the root itself/.test(root.stderr)], [125, true]);
    const proc = await run(['-v', `${folder}:/p/x`], 'links', 'true');
    assert.deepEqual([proc.status, /\/proc/.test(proc.stderr)], [125, true]);
    const absent = await run(['--mount', `type=bind,src=${folder}/absent,dst=/m`], 'busybox', 'true');
    assert.deepEqual([absent.status, existsSync(join(folder, 'absent'))], [125, false]);
    await done(run(['-v', `${folder}/made:/m`], 'busybox', 'touch /m/x'));
    assert.equal(existsSync(join(folder, 'made/x')), true, '-v makes a folder that is not there');
    const twice = await run(['-v', `${folder}:/m`, '--tmpfs', '/m/'], 'busybox', 'true');
    assert.deepEqual([twice.status, /two mounts at \/m/.test(twice.stderr)], [125, true]);
  });

  test('read-only reaches the mounts below, unless asked otherwise; rslave lets mounts of the host in', async () => {
    const folder = lab.newFolder();
    mkdirSync(join(folder, 'below'));
    execFileSync('mount', ['-t', 'tmpfs', 'below', join(folder, 'below')]);
    try {
      const script = 'touch /m/below/x && echo written || echo refused';
      assert.equal(await done(run(['-v', `${folder}:/m:ro`], 'busybox', script)), 'refused');
      const mount = `type=bind,src=${folder},dst=/m,readonly,bind-recursive=writable`;
      assert.equal(await done(run(['--mount', mount], 'busybox', script)), 'written');
      const alone = `type=bind,src=${folder},dst=/m,bind-recursive=disabled`;
      assert.equal(await done(run(['--mount', alone], 'busybox', 'grep -c " /m/below " /proc/mounts || true')), '0');
    } finally {
      execFileSync('umount', [join(folder, 'below')]);
    }
    const shared = await run(['-v', `${folder}:/m:rshared`], 'busybox', 'true');
    assert.deepEqual([shared.status, /cannot be mounted rshared/.test(shared.stderr)], [125, true]);
    execFileSync('mount', ['--bind', '--make-shared', folder, folder]);
    try {
      const slave = await done(run(['-v', `${folder}:/m:rslave`], 'busybox', 'grep " /m " /proc/self/mountinfo'));
      assert.match(slave, / master:\d+ /);
      const own = await done(run(['-v', `${folder}:/m`], 'busybox', 'grep " /m " /proc/self/mountinfo'));
      assert.doesNotMatch(own, /master|shared/);
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  test('F-240: one who swaps what is in a shared volume while others start there reaches nothing outside', async () => {
    const outside = lab.newFolder();
    writeFileSync(join(outside, 'canary'), 'alive');
    const inside = lab.newFolder();
    const swap = `mkdir -p /v/x; rm -f /bin/ls; ln -s ${outside} /dev2; while :; do rm -rf /v/x; ln -s ${outside} /v/x; rm /v/x; mkdir /v/x; done`;
    await done(
      shale('run', '-d', '--name', 'swapper', '--network', 'none', '-v', 'shared:/v', 'busybox', 'sh', '-c', swap),
    );
    try {
      for (let round = 0; round < 4; round++) {
        const options = ['-v', 'shared:/v', '-v', `${inside}:/v/x`];
        const { status, stdout, stderr } = await run(
          options,
          'busybox',
          'echo x > /v/x/seen; ls -d /bin/ls /dev2 2>&1',
        );
        // It starts, or the target was just no directory of the root file system.
        if (status === 125) assert.notEqual(stderr, '');
        else assert.match(stdout, /^\/bin\/ls\n|No such file/, 'the root file system of the other is not shared');
        assert.deepEqual(readdirSync(outside), ['canary']);
        assert.equal(readFileSync(join(outside, 'canary'), 'utf8'), 'alive');
      }
    } finally {
      await shale('rm', '-f', 'swapper');
      await shale('volume', 'rm', '-f', 'shared');
    }
  });
});
