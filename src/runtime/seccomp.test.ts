import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultSeccomp, seccompFromProfile, type SeccompConfig, type SeccompFacts } from './seccomp.ts';

const plain: SeccompFacts = {
  capabilities: new Set(['CAP_CHOWN', 'CAP_SYS_CHROOT']),
  architecture: 'x64',
  kernel: [6, 1],
};

function always(config: SeccompConfig): Set<string> {
  const free = config.syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW' && rule.args === undefined);
  return new Set(free.flatMap((rule) => rule.names));
}

test('F-242: defaultSeccomp() denies by default with EPERM and allows what docker allows', () => {
  const config = defaultSeccomp(plain);
  assert.equal(config.defaultAction, 'SCMP_ACT_ERRNO');
  assert.equal(config.defaultErrnoRet, 1);
  const allowed = always(config);
  for (const call of ['read', 'openat2', 'chroot', 'ptrace', 'arch_prctl', 'io_setup', 'fchmodat2'])
    assert.ok(allowed.has(call), call);
  for (const call of [
    'mount',
    'unshare',
    'setns',
    'bpf',
    'clone',
    'clone3',
    'io_uring_setup',
    'keyctl',
    'add_key',
    'kexec_load',
    'init_module',
    'socket',
    'userfaultfd',
  ]) {
    assert.ok(!allowed.has(call), call);
  }
});

test('defaultSeccomp() answers clone3 with ENOSYS unless the container may make namespaces', () => {
  const rule = (config: SeccompConfig): unknown =>
    config.syscalls.find((one) => one.names.includes('clone3') && one.action !== 'SCMP_ACT_ALLOW');
  assert.deepEqual(rule(defaultSeccomp(plain)), { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
  const admin = defaultSeccomp({ ...plain, capabilities: new Set(['CAP_SYS_ADMIN']) });
  assert.equal(rule(admin), undefined);
  assert.ok(always(admin).has('clone3') && always(admin).has('mount'));
});

test('defaultSeccomp() keeps sockets of kernel cryptography and of the hypervisor out', () => {
  const args = defaultSeccomp(plain)
    .syscalls.filter((rule) => rule.names.includes('socket'))
    .map((rule) => rule.args?.[0]);
  const allowed = (family: bigint): boolean =>
    args.some((arg) => {
      if (arg?.op === 'SCMP_CMP_LT') return family < BigInt(arg.value);
      if (arg?.op === 'SCMP_CMP_MASKED_EQ') return (family & BigInt(arg.value)) === BigInt(arg.valueTwo ?? 0);
      return arg !== undefined && family === BigInt(arg.value);
    });
  const denied = Array.from({ length: 64 }, (_, family) => family).filter((family) => !allowed(BigInt(family)));
  assert.deepEqual(denied.slice(0, 9), [12, 19, 20, 23, 25, 34, 37, 38, 40]);
  assert.deepEqual(denied[9], 46);
  assert.ok(!allowed(2n ** 32n + 38n) && !allowed(2n ** 32n + 16n));
});

test('defaultSeccomp() leaves tracing out on kernels where it gets around the filter', () => {
  assert.ok(!always(defaultSeccomp({ ...plain, kernel: [4, 7] })).has('ptrace'));
});

test('seccompFromProfile() decides conditions and refuses what is no profile', () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_CHOWN'] } },
      { names: ['new'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '7.0' } },
      { names: ['arm'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } },
    ],
  };
  const config = seccompFromProfile(profile, plain);
  assert.deepEqual(
    config.syscalls.map((rule) => rule.names[0]),
    ['read'],
  );
  assert.deepEqual(config.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  for (const bad of [null, [], { syscalls: [] }, { defaultAction: 'X', syscalls: [{ names: [1], action: 'X' }] }]) {
    assert.throws(() => seccompFromProfile(bad, plain), { code: 'SECCOMP_PROFILE_INVALID' });
  }
});
