/** What options do inside a container, against what docker 28.5 did with the same command lines (recorded). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { type Ran, type Shale, shaleOf } from './command.ts';
import { until } from './container-lab.ts';
import type { Effect } from './effect-cases.ts';
import { wordsOf } from './option-cases.ts';

const effects = JSON.parse(readFileSync(join(import.meta.dirname, 'docker-effects.json'), 'utf8')) as Effect[]; // by record-options.ts

const hasLegacy = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
const noLegacy = !hasLegacy && 'needs the legacy hierarchies';

/** What another machine lacks: the facts were recorded with legacy hierarchies and two CPUs. */
function missing({ options, script }: Effect): string | false {
  if (/sys\/fs\/cgroup/.test(script) && !hasLegacy) return noLegacy;
  if (options.includes('--memory-swap') && !existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes')) {
    return 'the kernel does not limit swap';
  }
  if (options.includes('--init') && !existsSync('/usr/bin/tini-static')) return 'needs tini';
  return false;
}

describe('options inside a container', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  const shale: Shale = (...words) => shaleOf(lab)(...words);
  const run = (options: readonly string[], ...command: string[]): Promise<Ran> =>
    shale('run', '--rm', '--network', 'none', ...options, 'busybox', ...command);

  for (const effect of effects) {
    test(`as docker: run ${effect.options}: ${effect.script}`, { skip: missing(effect) }, async () => {
      const { status, stdout, stderr } = await run(wordsOf(effect.options), 'sh', '-c', effect.script);
      assert.deepEqual({ status, output: stdout.trim() }, { status: effect.status, output: effect.output }, stderr);
    });
  }

  for (const how of [[], ['--name', 'kept']] as const) {
    test(`-a passes on what it names, ${how.length === 0 ? 'of a child' : 'of what is kept'}`, async () => {
      const attached = async (streams: readonly string[], ...more: string[]): Promise<readonly unknown[]> => {
        const life = how.length === 0 ? ['--rm'] : how;
        const options = [...life, '--network', 'none', ...streams.flatMap((stream) => ['-a', stream]), ...more];
        const ran = await shale('run', ...options, 'busybox', 'sh', '-c', 'echo out; echo err >&2; cat');
        if (how.length > 0) await shale('rm', 'kept');
        return [ran.status, ran.stdout, ran.stderr];
      };
      assert.deepEqual(await attached([]), [0, 'out\n', 'err\n']);
      assert.deepEqual(await attached(['stdout']), [0, 'out\n', '']);
      assert.deepEqual(await attached(['STDERR']), [0, '', 'err\n']);
      assert.deepEqual(await attached(['stderr', 'stdout'], '-i'), [0, 'out\n', 'err\n']);
    });
  }

  test('-a and detach keys that nobody could mean are refused before anything is made', async () => {
    for (const [options, why] of [
      [['-a', 'x'], /is no stream/],
      [['-a', 'stdin'], /leaves the output to nobody/],
      [['-d', '-a', 'stdout'], /cannot specify both --attach and --detach/],
      [['--detach-keys', 'no-key'], /is not a key/],
    ] as const) {
      const { status, stderr } = await shale('run', ...options, 'busybox', 'true');
      assert.deepEqual([status, why.test(stderr)], [125, true], stderr);
    }
    assert.match((await shale('ps', '-a')).stdout, /^CONTAINER ID[^\n]*\n$/);
  });

  test('--pid container:NAME shows the processes of another container', async () => {
    const { stdout: id } = await shale('run', '-d', '--name', 'seen', '--network', 'none', 'busybox', 'sleep', '1000');
    try {
      const { stdout } = await run(['--pid', 'container:seen'], 'sh', '-c', 'cat /proc/1/cmdline | tr "\\0" " "');
      assert.equal(stdout, 'sleep 1000 ');
      const { stdout: shown } = await shale('inspect', '-f', '{{.HostConfig.PidMode}} {{.HostConfig.ShmSize}}', 'seen');
      assert.equal(shown, ' 67108864\n');
    } finally {
      await shale('rm', '-f', id.trim());
    }
    assert.match((await shale('ps', '-a')).stdout, /^CONTAINER ID[^\n]*\n$/);
    const { status, stderr } = await run(['--pid', 'container:seen'], 'true');
    assert.deepEqual([status, stderr], [125, 'shale: no container seen in the store\n']);
  });

  test('--cidfile is written once and never over another file', async () => {
    const file = join(lab.folder, 'id');
    const { stdout } = await shale(
      'run',
      '-d',
      '--rm=false',
      '--cidfile',
      file,
      '--network',
      'none',
      'busybox',
      'true',
    );
    assert.equal(readFileSync(file, 'utf8'), stdout.trim());
    const again = await run(['--cidfile', file], 'true');
    assert.equal(again.status, 125);
    assert.match(again.stderr, /is there already/);
    await shale('rm', '-f', stdout.trim());
    const failed = await run(['--cidfile', `${file}2`, '-m', '1m'], 'true');
    assert.deepEqual([failed.status, existsSync(`${file}2`)], [125, false]);
  });

  test('F-256: limits are kept: a fork bomb and a memory hog end, and say how', async () => {
    const forks = await run(
      ['--pids-limit', '20'],
      'sh',
      '-c',
      'for i in $(seq 40); do sleep 3 & done 2>&1; echo after',
    );
    assert.match(forks.stdout + forks.stderr, /fork|Resource temporarily unavailable/);
    const hog = await run(['-m', '16m', '--memory-swap', '16m'], 'sh', '-c', 'x=a; while true; do x=$x$x; done');
    assert.equal(hog.status, 137);
  });

  test('update changes limits of a running container at once, and for its next start', { skip: noLegacy }, async () => {
    const read =
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.shares';
    await shale('run', '-d', '--name', 'kept', '--network', 'none', 'busybox', 'sleep', '1000');
    try {
      const seen = async (): Promise<string> => (await shale('exec', 'kept', 'sh', '-c', read)).stdout;
      const before = await seen();
      assert.equal((await shale('update', '-m', '64m', '--pids-limit', '40', '-c', '512', 'kept')).stdout, 'kept\n');
      assert.equal(await seen(), '67108864\n40\n512\n');
      await shale('restart', '-t', '0', 'kept');
      assert.equal(await seen(), '67108864\n40\n512\n');
      assert.equal((await shale('update', '--pids-limit', '-1', 'kept')).status, 0);
      assert.equal((await seen()).split('\n')[1], before.split('\n')[1]);
      const refused = await shale('update', '-m', '500m', 'kept');
      assert.deepEqual([refused.status, /above the limit of memory and swap/.test(refused.stderr)], [1, true]);
      assert.match(await seen(), /^67108864\n/);
    } finally {
      await shale('rm', '-f', 'kept');
    }
  });

  test('update reaches a container that is attached to its command', { skip: noLegacy }, async () => {
    const script = 'until [ "$(cat /sys/fs/cgroup/pids/pids.max)" = 41 ]; do sleep 0.05; done; echo reached';
    const attached = run(['--name', 'attached'], 'sh', '-c', script);
    await until(async () => (await shale('ps', '-q', '--filter', 'name=attached')).stdout !== '', 'it runs');
    assert.equal((await shale('update', '--pids-limit', '41', 'attached')).stderr, '');
    assert.equal((await attached).stdout, 'reached\n');
  });

  test('a cgroup below --cgroup-parent is stopped, frozen, measured and removed like any other', async () => {
    const parent = `/shale-test-${randomBytes(4).toString('hex')}`;
    try {
      await shale(
        'run',
        '-d',
        '--name',
        'below',
        '--network',
        'none',
        '--cgroup-parent',
        `${parent}/x`,
        'busybox',
        'sleep',
        '1000',
      );
      const { stdout: cgroups } = await shale('exec', 'below', 'cat', '/proc/1/cgroup');
      assert.ok(cgroups.includes(`:${parent}/x/shale-`), cgroups);
      assert.equal((await shale('pause', 'below')).status, 0);
      assert.match((await shale('ps', '--filter', 'name=below')).stdout, /\(Paused\)/);
      await shale('unpause', 'below');
      assert.match((await shale('top', 'below')).stdout, /sleep 1000/);
      assert.match((await shale('stats', '--no-stream', '--format', '{{.PIDs}}', 'below')).stdout, /^1\n$/);
      assert.equal((await shale('kill', 'below')).status, 0);
      assert.equal((await shale('rm', '-f', 'below')).status, 0);
      const attached = await run(['--cgroup-parent', `${parent}/x`], 'cat', '/proc/1/cgroup');
      assert.ok(attached.stdout.includes(`:${parent}/x/shale-`));
    } finally {
      await shale('rm', '-f', 'below');
      // The parents are whoever's asked for them; a container's own cgroup in them would make this fail.
      for (const hierarchy of readdirSync('/sys/fs/cgroup')) {
        const folder = join('/sys/fs/cgroup', hierarchy, parent);
        if (existsSync(folder)) for (const path of [join(folder, 'x'), folder]) rmdirSync(path);
      }
    }
  });

  const refused: readonly (readonly [options: string, message: RegExp])[] = [
    ['--cap-add FOO', /there is no capability "CAP_FOO"/],
    ['--device /dev/nonexist', /\/dev\/nonexist: it does not exist/],
    ['--device /etc/passwd', /it is not a device/],
    ['--ipc shareable', /cannot share memory/],
    ['--uts host -h x', /exclude each other/],
    ['--ipc host --sysctl kernel.msgmax=1', /exclude each other/],
    ['-w rel', /working directory must be absolute/],
    ['--cgroup-parent /', /not the path of a cgroup/],
    ['--cgroup-parent=', /not the path of a cgroup/],
    ['--cgroup-parent a/../../b', /not the path of a cgroup/],
    ['--gpus device=77', /there is no device "nvidia.com\/gpu=77"/],
    ['--device nosuch.example/gpu=0', /there is no device "nosuch.example\/gpu=0"/],
    ['--link a:b', /--network NAME for both/],
  ];
  for (const [options, message] of refused) {
    test(`run ${options} is refused`, async () => {
      const { status, stdout, stderr } = await run(wordsOf(options), 'true');
      assert.deepEqual([status, stdout], [125, '']);
      assert.match(stderr, message);
    });
  }
});
