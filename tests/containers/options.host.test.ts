/** What options do inside a container, against what docker 28.5 did with the same command lines (recorded). */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { type Ran, type Shale, shaleOf } from './command.ts';
import type { Effect } from './effect-cases.ts';
import { wordsOf } from './option-cases.ts';

const effects = JSON.parse(readFileSync(join(import.meta.dirname, 'docker-effects.json'), 'utf8')) as Effect[]; // by record-options.ts

/** What another machine lacks: the facts were recorded with legacy hierarchies and two CPUs. */
function missing({ options, script }: Effect): string | false {
  if (/sys\/fs\/cgroup/.test(script) && !existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')) {
    return 'needs the legacy hierarchies';
  }
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

  const refused: readonly (readonly [options: string, message: RegExp])[] = [
    ['--cap-add FOO', /there is no capability "CAP_FOO"/],
    ['--device /dev/nonexist', /\/dev\/nonexist: it does not exist/],
    ['--device /etc/passwd', /it is not a device/],
    ['--ipc shareable', /cannot share memory/],
    ['--uts host -h x', /exclude each other/],
    ['--ipc host --sysctl kernel.msgmax=1', /exclude each other/],
    ['-w rel', /working directory must be absolute/],
  ];
  for (const [options, message] of refused) {
    test(`run ${options} is refused`, async () => {
      const { status, stdout, stderr } = await run(wordsOf(options), 'true');
      assert.deepEqual([status, stdout], [125, '']);
      assert.match(stderr, message);
    });
  }
});
