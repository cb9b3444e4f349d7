import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundingSet } from './capabilities.ts';
import { type HostFacts, parseLimits } from './facts.ts';
import { cgroupPathOf, checkId, formatConfig, makeConfig, type RuntimeConfig } from './spec.ts';
import { STEP_SURROUNDINGS } from './step.ts';
import type { NetworkAttachment, NetworkProvider, RunSpec } from './types.ts';

const facts: HostFacts = {
  mayMakeCgroups: true,
  capabilities: boundingSet('CapBnd:\t000001ffffffffff\n'),
  hardLimits: parseLimits(
    'Max open files            1024                 20000                files     \n' +
      'Max stack size            8388608              unlimited            bytes     \n' +
      'Max core file size        0                    unlimited            bytes     \n',
  ),
  architecture: 'x64',
  kernel: [6, 12],
  cgroups: 'v1',
  maskedPaths: ['/proc/acpi', '/proc/kcore', '/proc/scsi', '/sys/devices/virtual/powercap'],
  readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  networkSysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
};

const provider: NetworkProvider = { kind: 'none', attach: () => Promise.reject(new Error('not attached here')) };

function attached(namespace: NetworkAttachment['namespace']): NetworkAttachment {
  return {
    namespace,
    files: {},
    env: [],
    addresses: [],
    ports: [],
    handOver: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function configOf(
  more: Partial<RunSpec> = {},
  namespace: NetworkAttachment['namespace'] = { kind: 'new' },
  host: Partial<HostFacts> = {},
): RuntimeConfig {
  const spec: RunSpec = {
    id: 'c1',
    rootfs: { path: '/rootfs', access: '/rootfs' },
    args: ['true'],
    env: [],
    network: provider,
    ...more,
  };
  const identity = { uid: 0, gid: 0, groups: [0], home: '/root' };
  const network = attached(namespace);
  return makeConfig({ spec, identity, network, mounts: spec.mounts ?? [], devices: [], facts: { ...facts, ...host } });
}

test('F-242: makeConfig() of a plain container has docker’s limits on all sides', () => {
  const config = configOf();
  assert.equal(config.ociVersion, '1.0.2');
  assert.equal(config.process.capabilities.bounding.length, 14);
  assert.deepEqual(config.process.capabilities.inheritable, []);
  assert.deepEqual(config.process.capabilities.ambient, []);
  assert.equal(config.process.noNewPrivileges, false);
  assert.equal(configOf({ noNewPrivileges: true }).process.noNewPrivileges, true);
  for (const path of ['/proc/acpi', '/proc/scsi', '/proc/kcore', '/sys/devices/virtual/powercap']) {
    assert.ok(config.linux.maskedPaths.includes(path), path);
  }
  for (const path of ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus', '/proc/fs']) {
    assert.ok(config.linux.readonlyPaths.includes(path), path);
  }
  assert.equal(config.linux.seccomp?.defaultAction, 'SCMP_ACT_ERRNO');
  const [first, ...rules] = config.linux.resources['devices'] as { allow: boolean; type?: string; access: string }[];
  assert.deepEqual(first, { allow: false, access: 'rwm' });
  assert.equal(rules.filter((rule) => rule.allow).length, 6);
  assert.equal(config.linux.cgroupsPath, '/shale-c1');
  assert.deepEqual(
    config.linux.namespaces.map((one) => one.type),
    ['mount', 'pid', 'ipc', 'uts', 'network'],
  );
  assert.deepEqual(config.mounts.find((one) => one.destination === '/sys')?.options.at(-1), 'ro');
  assert.equal('hooks' in config, false);
});

test('makeConfig() follows the network that was attached', () => {
  const net = (config: RuntimeConfig): unknown => config.linux.namespaces.find((one) => one.type === 'network');
  assert.equal(net(configOf({}, { kind: 'host' })), undefined);
  assert.deepEqual(configOf({}, { kind: 'host' }).linux.sysctl, {});
  const joined = configOf({ sysctls: { 'net.core.x': '1', 'kernel.y': '2' } }, { kind: 'path', path: '/x' });
  assert.deepEqual(net(joined), { type: 'network', path: '/proc/self/ns/net' });
  assert.deepEqual(joined.linux.sysctl, { 'kernel.y': '2' });
  assert.ok(configOf({}, { kind: 'new' }, { cgroups: 'v2' }).linux.namespaces.some((one) => one.type === 'cgroup'));
});

test('makeConfig() asks for no limit above the hard one of this process', () => {
  const config = configOf({ ...STEP_SURROUNDINGS });
  const limit = (name: string): unknown => config.process.rlimits.find((one) => one.type === name);
  assert.deepEqual(limit('RLIMIT_NOFILE'), { type: 'RLIMIT_NOFILE', soft: 4096, hard: 20_000 });
  assert.deepEqual(limit('RLIMIT_CORE'), { type: 'RLIMIT_CORE', soft: 0, hard: 2n ** 64n - 1n });
  assert.match(formatConfig(config), /"hard":18446744073709551615/);
  assert.throws(() => configOf({ rlimits: [{ name: 'fish', soft: 1, hard: 1 }] }), { code: 'RUN_SPEC_INVALID' });
});

test('makeConfig() gives the environment docker’s defaults, which the spec overrides', () => {
  const env = configOf({ env: ['A=1', 'A=2=3', 'PATH=/x'], hostname: 'h', terminal: true }).process.env;
  assert.deepEqual(env, ['PATH=/x', 'HOSTNAME=h', 'TERM=xterm', 'A=2=3', 'HOME=/root']);
  assert.deepEqual(configOf({ ...STEP_SURROUNDINGS }).process.env, [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
  ]);
});

test('makeConfig() of a privileged container masks nothing and still inherits nothing', () => {
  const config = configOf({ capabilities: { kind: 'privileged' } });
  assert.equal(config.process.capabilities.bounding.length, 41);
  assert.deepEqual(config.process.capabilities.inheritable, []);
  assert.deepEqual([config.linux.maskedPaths, config.linux.readonlyPaths, config.linux.seccomp], [[], [], undefined]);
});

test('makeConfig() lets a mount of the user take the place of the runtime’s', () => {
  const config = configOf({ mounts: [{ kind: 'tmpfs', target: '/dev/shm', sizeBytes: 5 }] });
  const shm = config.mounts.filter((one) => one.destination === '/dev/shm');
  assert.deepEqual(
    shm.map((one) => one.options.includes('size=5')),
    [true],
  );
});

test('makeConfig() refuses what the runtime-spec does not allow', () => {
  const bad: Partial<RunSpec>[] = [
    { args: [] },
    { args: ['a\0b'] },
    { env: ['NOEQUALS'] },
    { env: ['=x'] },
    { cwd: 'relative' },
    { rootfs: { path: 'x', access: 'x' } },
  ];
  for (const more of bad) assert.throws(() => configOf(more), { code: 'RUN_SPEC_INVALID' }, JSON.stringify(more));
});

test('checkId() and cgroupPathOf() never make an empty path, "/" or one that leaves its folder', () => {
  for (const id of ['', '.', '..', '/', 'a/b', '-x', '../x', 'a\n', 'x'.repeat(129), 'ä']) {
    assert.throws(() => cgroupPathOf(id), { code: 'RUN_SPEC_INVALID' }, id);
    assert.throws(() => checkId(id), { code: 'RUN_SPEC_INVALID' }, id);
  }
  assert.equal(cgroupPathOf('a.b_c-1'), '/shale-a.b_c-1');
  assert.equal(cgroupPathOf('a', 'ci/x.slice'), '/ci/x.slice/shale-a');
  assert.equal(cgroupPathOf('a', '/ci'), '/ci/shale-a');
  for (const parent of ['', '/', '.', '..', '/ci/..', 'ci//x', '/ci/', '../x', 'a b', 'a/./b'])
    assert.throws(() => cgroupPathOf('a', parent), { code: 'RUN_SPEC_INVALID' }, parent);
});
