import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { streamOf } from '../base/index.ts';
import { compareLeaks, takeLeakSnapshot } from '../../tests/support/leaks.ts';
import { cgroupFolders } from './cgroups.ts';
import { containersMissing, openWorld, outcomeOf, runIn } from './runtime.fixture.ts';
import { STEP_SURROUNDINGS } from './step.ts';

const skip = containersMissing();
const long = process.env['SHALE_TEST_LONG'] !== undefined;

test('F-247: a container’s exit code is its own, or 128 + signal', { skip }, async () => {
  using world = openWorld();
  for (const code of [0, 1, 3, 125, 126, 127, 255]) {
    const { exit } = await runIn(world, ['sh', '-c', `exit ${code}`]);
    assert.deepEqual({ kind: exit.kind, code: exit.code }, { kind: 'exited', code });
  }
  await using handle = await world.runtime.run(world.spec(['sleep', '60']), { kind: 'pipes' });
  await untilRunning(world.runRoot, handle.id);
  assert.equal(handle.kill('KILL'), true);
  assert.deepEqual(await handle.exit, { kind: 'exited', code: 137, signal: 9, oomKilled: false });
  assert.equal(handle.kill('KILL'), false);
});

test('F-247: a container that the kernel ends for lack of memory says so', { skip }, async () => {
  using world = openWorld();
  const resources = { memoryBytes: 16 << 20, memorySwapBytes: 16 << 20 };
  const { exit } = await runIn(world, ['sh', '-c', 'x=a; while :; do x=$x$x; done'], { resources });
  assert.deepEqual(exit, { kind: 'exited', code: 137, signal: 9, oomKilled: true });
});

test('F-248: what cannot be executed gives 126 or 127 and one line of reason', { skip }, async () => {
  using world = openWorld();
  const make = (name: string, content: string | Uint8Array, mode = 0o755): void => {
    writeFileSync(`${world.rootfs}/${name}`, content);
    chmodSync(`${world.rootfs}/${name}`, mode);
  };
  make('no-shebang', 'echo hi\n');
  make('bad-interpreter', '#!/no/such\n');
  make('dos', '#!/bin/sh\r\necho\r\n');
  make('not-executable', '#!/bin/sh\n', 0o644);
  const arm = Buffer.from(readFileSync(`${world.rootfs}/bin/busybox`).subarray(0, 4096));
  arm.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
  make('foreign', arm);
  const cases: [string, number][] = [
    ['no-such', 127],
    ['/no/such', 127],
    ['', 127],
    ['/bad-interpreter', 127],
    ['/dos', 127],
    ['/no-shebang', 126],
    ['/not-executable', 126],
    ['/etc', 126],
    ['/foreign', 126],
  ];
  for (const [program, code] of cases) {
    const { exit } = await runIn(world, [program]);
    assert.deepEqual({ kind: exit.kind, code: exit.code }, { kind: 'not-started', code }, program);
    assert.ok(exit.kind === 'not-started' && exit.reason !== '' && !exit.reason.includes('\n'));
  }
  assert.deepEqual(readdirSync(`${world.runRoot}/containers`), []);
});

test('F-249: signals reach the first process, which may ignore them', { skip }, async () => {
  using world = openWorld();
  const script = 'trap "echo got; exit 5" TERM HUP USR1; echo ready; while :; do sleep 0.02; done';
  for (const signal of ['TERM', 'HUP', 'SIGUSR1']) {
    await using handle = await world.runtime.run(world.spec(['sh', '-c', script]), { kind: 'pipes' });
    const stdout = handle.stdout[Symbol.asyncIterator]();
    assert.match(String(Buffer.from((await stdout.next()).value ?? '')), /ready/);
    assert.equal(handle.kill(signal), true);
    assert.deepEqual(await handle.exit, { kind: 'exited', code: 5, oomKilled: false }, signal);
  }
  await using deaf = await world.runtime.run(world.spec(['sh', '-c', 'trap "" TERM; echo ready; sleep 60']), {
    kind: 'pipes',
  });
  await deaf.stdout[Symbol.asyncIterator]().next();
  deaf.kill('TERM');
  const first = await Promise.race([deaf.exit, sleep(150)]);
  assert.equal(first, undefined);
  await deaf[Symbol.asyncDispose]();
  assert.equal((await deaf.exit).code, 137);
});

test('F-250: input and output are passed on byte for byte', { skip }, async () => {
  using world = openWorld();
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);
  await using handle = await world.runtime.run(world.spec(['cat']), { kind: 'pipes', stdin: streamOf(bytes) });
  const chunks: Uint8Array[] = [];
  for await (const chunk of handle.stdout) chunks.push(chunk);
  assert.deepEqual(Buffer.compare(Buffer.concat(chunks), bytes), 0);
  assert.equal((await handle.exit).code, 0);
  assert.equal(
    (await runIn(world, ['sh', '-c', 'cat | wc -c; echo x > /dev/stdout; echo y > /dev/stderr'])).stdout,
    '0\nx\n',
  );
});

test('F-250: a terminal is refused where there is none', { skip }, async () => {
  using world = openWorld();
  const spec = world.spec(['true'], { terminal: true });
  await assert.rejects(world.runtime.run(spec, { kind: 'pipes' }), { code: 'TERMINAL_UNAVAILABLE' });
  assert.deepEqual(readdirSync(`${world.runRoot}/containers`), []);
});

test('F-242: a container has the limits that its configuration asks for', { skip }, async () => {
  using world = openWorld();
  const script = `grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status; umask; ulimit -n; wc -c < /proc/keys
    echo 1 > /proc/sys/kernel/panic; ls /sys/firmware /proc/acpi | wc -l; mount -t tmpfs x /tmp; cat /dev/vda; hostname; unshare -m true; env`;
  const { stdout, stderr } = await runIn(world, ['sh', '-c', script], { ...STEP_SURROUNDINGS, noNewPrivileges: true });
  assert.match(
    stdout,
    /CapInh:\s0+\nCapPrm:\s00000000a80425fb\nCapEff:\s00000000a80425fb\nCapBnd:\s00000000a80425fb\nCapAmb:\s0+\nNoNewPrivs:\s1\nSeccomp:\s2\n0022\n/,
  );
  assert.match(stdout, /shale\n/);
  assert.doesNotMatch(stdout, /HOSTNAME|LANG|LC_ALL|SHALE/);
  assert.match(stderr, /panic: Read-only file system/);
  assert.match(stderr, /mount: permission denied/);
  assert.match(stderr, /unshare: .*Operation not permitted/);
});

test('F-243: a container runs as the user and groups of its own database', { skip }, async () => {
  using world = openWorld();
  writeFileSync(`${world.rootfs}/etc/passwd`, 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n');
  writeFileSync(`${world.rootfs}/etc/group`, 'app:x:1001:\nwheel:x:10:app\naudio:x:29:app\nvideo:x:44:app\n');
  const id = async (user: string): Promise<string> =>
    (await runIn(world, ['sh', '-c', 'id -u; id -g; id -G; echo $HOME'], { user })).stdout.replaceAll('\n', ';');
  assert.equal(await id('app'), '1000;1001;1001 10 29 44;/home/app;');
  assert.equal(await id('1000:5'), '1000;5;5;/home/app;');
  assert.equal(await id('77'), '77;0;0;/;');
});

test('F-245: volumes are mounted inside, links in their target resolved inside', { skip }, async () => {
  using world = openWorld();
  writeFileSync(`${world.folder}/data`, 'payload\n');
  symlinkSync('/', `${world.rootfs}/abs`);
  const bind = (target: string, source = `${world.folder}/data`): object => ({
    mounts: [{ kind: 'bind', source, target, readonly: true }],
  });
  const { stdout, stderr } = await runIn(world, ['sh', '-c', 'cat /in/file; echo x > /in/file'], bind('/abs/in/file'));
  assert.equal(stdout, 'payload\n');
  assert.match(stderr, /Read-only file system/);
  await assert.rejects(runIn(world, ['true'], bind('/x', `${world.folder}/missing`)), { code: 'MOUNT_SOURCE_INVALID' });
  await assert.rejects(runIn(world, ['true'], bind('/x', 'relative')), { code: 'MOUNT_SOURCE_INVALID' });
  await assert.rejects(runIn(world, ['true'], bind('/proc')), { code: 'MOUNT_TARGET_INVALID' });
  assert.deepEqual(readdirSync(`${world.runRoot}/containers`), []);
});

test('mount targets that did not exist are reported, so that layers leave them out', { skip }, async () => {
  using world = openWorld();
  const mounts = [
    { kind: 'tmpfs' as const, target: '/cache/a' },
    { kind: 'bind' as const, source: world.folder, target: '/etc/ext' },
  ];
  await using handle = await world.runtime.run(world.spec(['true'], { mounts }), { kind: 'pipes' });
  await handle.exit;
  const paths = handle.traces.created.map((trace) => `${trace.kind[0]} ${trace.path}`);
  for (const path of ['d cache', 'd cache/a', 'd etc/ext', 'f etc/resolv.conf']) assert.ok(paths.includes(path), path);
  assert.ok(handle.traces.touched.some((one) => one.path === 'etc'));
});

test('exec runs one more process, with its own user, folder and exit code', { skip }, async () => {
  using world = openWorld();
  await using handle = await world.runtime.run(world.spec(['sleep', '60'], { env: ['A=1'] }), { kind: 'pipes' });
  await untilRunning(world.runRoot, handle.id);
  const io = { kind: 'pipes' } as const;
  const inside = await handle.exec({
    io,
    args: ['sh', '-c', 'echo $A $B $HOME; pwd; id -u; exit 9'],
    env: ['B=2'],
    cwd: '/tmp',
    user: '5',
  });
  assert.deepEqual(await outcomeOf(inside), {
    exit: { kind: 'exited', code: 9, oomKilled: false },
    stdout: '1 2 /\n/tmp\n5\n',
    stderr: '',
  });
  const missing = await handle.exec({ io, args: ['no-such'] });
  assert.equal((await outcomeOf(missing)).exit.code, 127);
  const endless = await handle.exec({ io, args: ['sleep', '60'] });
  await sleep(100);
  assert.equal(endless.kill('KILL'), true);
  assert.equal((await endless.exit).code, 137);
});

test(
  'F-264: pause stops every process and resume lets them go on; a paused container can be ended',
  { skip },
  async () => {
    using world = openWorld();
    const file = `${world.rootfs}/tmp/count`;
    const script = 'while :; do echo x >> /tmp/count; sleep 0.005; done';
    await using handle = await world.runtime.run(world.spec(['sh', '-c', script]), { kind: 'pipes' });
    const size = (): number => (existsSync(file) ? statSync(file).size : 0);
    const grown = async (from: number): Promise<void> => {
      while (size() <= from) await sleep(10);
    };
    await grown(0);
    await handle.pause();
    await handle.pause();
    const at = size();
    await sleep(60);
    assert.equal(size(), at);
    await handle.resume();
    await grown(at);
    await handle.pause();
    await handle[Symbol.asyncDispose]();
    assert.equal((await handle.exit).code, 137);
  },
);

test('F-255: many containers, one after another and at once, leave nothing', { skip }, async () => {
  using world = openWorld();
  await runIn(world, ['true']);
  const before = takeLeakSnapshot(world.marker);
  const rounds = long ? 1000 : 10;
  for (let count = 0; count < rounds; count++) assert.equal((await runIn(world, ['true'])).exit.code, 0);
  const many = Array.from({ length: long ? 50 : 8 }, (_, index) => runIn(world, ['sh', '-c', `exit ${index}`]));
  const codes = (await Promise.all(many)).map((outcome) => outcome.exit.code);
  assert.deepEqual(codes, [...codes.keys()]);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker)), []);
  assert.deepEqual(readdirSync(`${world.runRoot}/runc`), []);
});

test('F-256: limits hold: processes, memory of /dev/shm, environment', { skip }, async () => {
  using world = openWorld();
  const script = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5 & done; wait';
  const bomb = await runIn(world, ['sh', '-c', script], { resources: { pidsMax: 8 } });
  assert.match(bomb.stderr, /can't fork/);
  const full = await runIn(world, ['dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=1M', 'count=3'], {
    shmSizeBytes: 1 << 20,
  });
  assert.match(full.stderr, /No space left/);
  const large = await runIn(world, ['sh', '-c', 'echo ${#BIG}'], { env: [`BIG=${'x'.repeat(100_000)}`] });
  assert.equal(large.stdout, '100000\n');
});

test(
  'F-257: a runtime that is missing, fails with junk or says too much is reported, and leaves nothing',
  { skip },
  async () => {
    for (const [script, code, pattern] of [
      ['exit 1', 1, undefined],
      ['echo "{{{ not json" > "$4"; exit 1', 125, /not json/],
      ['head -c 3000000 /dev/zero | tr "\\0" x >&2; echo boom > "$4"; exit 7', 125, /boom/],
    ] as const) {
      using world = openWorld();
      const fake = `${world.folder}/fake-runc`;
      writeFileSync(fake, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      using faked = openWorld({ command: fake });
      const { exit } = await runIn(faked, ['true']);
      assert.equal(exit.code, code);
      if (pattern !== undefined) assert.ok(exit.kind === 'not-started' && pattern.test(exit.reason));
      assert.deepEqual(readdirSync(`${faked.runRoot}/containers`), []);
    }
    using missing = openWorld({ command: '/no/such/runc' });
    await assert.rejects(missing.runtime.command(), { code: 'RUNTIME_MISSING' });
    const { exit } = await runIn(missing, ['true']).catch(() => ({ exit: { code: 125 } }));
    assert.ok([125, 126, 127].includes(exit.code));
    assert.deepEqual(readdirSync(`${missing.runRoot}/containers`), []);
  },
);

test('F-257: a runtime that hangs can be ended', { skip }, async () => {
  using world = openWorld();
  const fake = `${world.folder}/fake-runc`;
  writeFileSync(fake, '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
  using hung = openWorld({ command: fake, commandTimeoutMs: 300 });
  const handle = await hung.runtime.run(hung.spec(['true']), { kind: 'pipes' });
  await handle[Symbol.asyncDispose]();
  assert.equal((await handle.exit).code, 137);
  assert.deepEqual(takeLeakSnapshot(hung.marker).processes, []);
});

test('F-258: containers run on this machine’s cgroup layout, in /shale-<id> of every hierarchy', { skip }, async () => {
  using world = openWorld();
  const spec = world.spec(['cat', '/proc/1/cgroup']);
  const { stdout } = await outcomeOf(await world.runtime.run(spec, { kind: 'pipes' }));
  const paths = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(':')[2]);
  assert.ok(paths.length > 0);
  for (const path of paths) assert.ok(path === `/shale-${spec.id}` || path === '/', path);
});

test('a cgroup below another one: found, and gone with the container; the other one stays', { skip }, async () => {
  using world = openWorld();
  const cgroupParent = `/${world.marker}/steps`;
  const spec = { ...world.spec(['sh', '-c', 'cat /proc/1/cgroup; exit 3']), cgroupParent };
  try {
    const { stdout } = await outcomeOf(await world.runtime.run(spec, { kind: 'pipes' }));
    const paths = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(':')[2]);
    for (const path of paths) assert.ok(path === `${cgroupParent}/shale-${spec.id}` || path === '/', path);
    await using running = await world.runtime.run({ ...spec, args: ['sleep', '60'] }, { kind: 'pipes' });
    await untilRunning(world.runRoot, spec.id);
    assert.ok(cgroupFolders(spec.id, cgroupParent).length > 0);
    assert.deepEqual(cgroupFolders(spec.id), []);
    await running[Symbol.asyncDispose]();
    assert.deepEqual(cgroupFolders(spec.id, cgroupParent), []);
  } finally {
    removeCgroupTree(cgroupParent);
  }
});

test('the cgroup of a container below another one, whose owner was killed, is swept', { skip }, async () => {
  using world = openWorld();
  const [id, cgroupParent] = [world.spec([]).id, `/${world.marker}/steps`];
  const folder = `${world.runRoot}/containers/${id}`;
  try {
    const running = await world.runtime.run({ ...world.spec(['true']), cgroupParent }, { kind: 'pipes' });
    await running.exit;
    const [place = ''] = hierarchiesWith(cgroupParent);
    mkdirSync(`${place}/shale-${id}`);
    mkdirSync(folder);
    const owner = { bootId: 'another', pid: 1, startTime: '1' };
    writeFileSync(`${folder}/record.json`, JSON.stringify({ id, kind: 'attached', owner, cgroupParent }));
    const { cgroups, left } = await world.runtime.sweep();
    assert.deepEqual([cgroups, left], [[id], []]);
    assert.equal(existsSync(`${place}/shale-${id}`), false);
  } finally {
    removeCgroupTree(cgroupParent);
  }
});

/** The folders of a cgroup that a test made. */
function hierarchiesWith(path: string): string[] {
  const root = '/sys/fs/cgroup';
  return [root, ...readdirSync(root).map((name) => `${root}/${name}`)]
    .map((at) => at + path)
    .filter((at) => existsSync(at));
}

function removeCgroupTree(path: string): void {
  for (const folder of hierarchiesWith(path)) {
    rmdirSync(folder);
    rmdirSync(dirname(folder));
  }
}

test('an id is taken once at a time', { skip }, async () => {
  using world = openWorld();
  const spec = world.spec(['sleep', '60']);
  await using handle = await world.runtime.run(spec, { kind: 'pipes' });
  await assert.rejects(world.runtime.run(spec, { kind: 'pipes' }), { code: 'CONTAINER_EXISTS' });
  await handle[Symbol.asyncDispose]();
  const again = await world.runtime.run({ ...spec, args: ['true'] }, { kind: 'pipes' });
  assert.deepEqual(await again.exit, { kind: 'exited', code: 0, oomKilled: false });
});

async function untilRunning(runRoot: string, id: string): Promise<void> {
  const state = `${runRoot}/runc/${id}`;
  while (!existsSync(`${state}/state.json`) || existsSync(`${state}/exec.fifo`)) await sleep(5);
}
