import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CgroupSupport, LimitKind } from '../../runtime/index.ts';
import { DEFAULT_HOST_CONFIG, type HostConfig } from '../host-config.ts';
import { changeLimits, checkCgroupParent, type FittedLimits, fitLimits } from './limits.ts';

const MIB = 1024 * 1024;
const EVERYTHING: readonly LimitKind[] = [
  'memory',
  'memory reservation',
  'swap',
  'swappiness',
  'OOM killer switch',
  'CPU shares',
  'CPU quota',
  'real-time CPU',
  'CPU sets',
  'process number',
  'block I/O weight',
  'block I/O weight of a device',
  'block I/O rate',
];

function supportOf(limits: readonly LimitKind[]): CgroupSupport {
  return { version: 'v2', limits: new Set(limits), cpus: '0-1', memoryNodes: '0' };
}

function fit(asked: Partial<HostConfig>, limits = EVERYTHING): FittedLimits {
  return fitLimits({ ...DEFAULT_HOST_CONFIG, ...asked }, supportOf(limits));
}

describe('fitLimits()', () => {
  test('nothing asked for is no limit and no warning', () => {
    assert.deepEqual(fit({}, []), { resources: {}, warnings: [] });
  });

  test('a memory limit allows as much swap, as docker', () => {
    assert.deepEqual(fit({ Memory: 64 * MIB }).resources, { memoryBytes: 64 * MIB, memorySwapBytes: 128 * MIB });
    assert.deepEqual(fit({ Memory: 64 * MIB, MemorySwap: -1 }).resources, {
      memoryBytes: 64 * MIB,
      memorySwapBytes: -1,
    });
  });

  test('everything at once', () => {
    const { resources, warnings } = fit({
      Memory: 64 * MIB,
      MemoryReservation: 32 * MIB,
      MemorySwappiness: 0,
      OomKillDisable: true,
      NanoCpus: 1.5e9,
      CpuShares: 1,
      CpusetCpus: '0-1',
      CpusetMems: '0',
      PidsLimit: 50,
      BlkioWeight: 300,
    });
    assert.deepEqual(warnings, []);
    assert.deepEqual(resources, {
      memoryBytes: 64 * MIB,
      memorySwapBytes: 128 * MIB,
      memoryReservationBytes: 32 * MIB,
      memorySwappiness: 0,
      oomKillDisable: true,
      cpus: 1.5,
      cpuShares: 2,
      cpusetCpus: '0-1',
      cpusetMems: '0',
      blkioWeight: 300,
      pidsMax: 50,
    });
  });

  test('what the kernel cannot do is left out with a warning each', () => {
    const { resources, warnings } = fit({ Memory: 64 * MIB, MemorySwappiness: 10, PidsLimit: 5, BlkioWeight: 100 }, [
      'memory',
    ]);
    assert.deepEqual(resources, { memoryBytes: 64 * MIB });
    assert.deepEqual(warnings.length, 4);
    assert.match(warnings.join('\n'), /swap: the memory is limited, and swap is not/);
    assert.match(warnings.join('\n'), /process number: the limit is not set/);
  });

  test('a container that is never killed and has no limit is warned of', () => {
    assert.match(fit({ OomKillDisable: true }).warnings[0] ?? '', /can run out/);
  });

  // docker 28.5 refuses the same.
  const refused: readonly (readonly [string, Partial<HostConfig>, RegExp])[] = [
    ['too little memory', { Memory: MIB }, /below 6 MiB/],
    ['less with swap than without', { Memory: 64 * MIB, MemorySwap: 32 * MIB }, /below the limit of memory/],
    ['swap without memory', { MemorySwap: 32 * MIB }, /needs a limit of memory/],
    ['more reserved than allowed', { Memory: 64 * MIB, MemoryReservation: 128 * MIB }, /above the memory limit/],
    ['more CPUs than there are', { NanoCpus: 9999e9 }, /cannot be given/],
    ['CPUs and a period', { NanoCpus: 1e9, CpuPeriod: 1000 }, /together/],
    ['a short quota', { CpuQuota: 10 }, /at least 1000/],
    ['a short period', { CpuPeriod: 10 }, /from 1000/],
    ['a CPU that is not there', { CpusetCpus: '0,7' }, /this machine has 0-1/],
    ['no list of CPUs', { CpusetCpus: 'foo' }, /no list/],
    ['a memory node that is not there', { CpusetMems: '7' }, /this machine has 0/],
    ['a weight out of range', { BlkioWeight: 5 }, /between 10 and 1000/],
    ['a score out of range', { OomScoreAdj: 2000 }, /between -1000 and 1000/],
  ];
  for (const [what, asked, message] of refused) {
    test(`${what} is refused`, () => {
      assert.throws(() => fit(asked), { code: 'LIMIT_INVALID', message });
    });
  }
});

describe('changeLimits()', () => {
  const change = (has: Partial<HostConfig>, asked: Partial<HostConfig>): unknown =>
    changeLimits({ ...DEFAULT_HOST_CONFIG, ...has }, asked);

  test('memory alone leaves memory and swap together as they are, as docker', () => {
    assert.deepEqual(change({ Memory: 64 * MIB }, { Memory: 32 * MIB }), { Memory: 32 * MIB, MemorySwap: 128 * MIB });
    assert.deepEqual(change({ Memory: 64 * MIB, MemorySwap: -1 }, { Memory: 500 * MIB }), {
      Memory: 500 * MIB,
      MemorySwap: -1,
    });
    assert.deepEqual(change({ Memory: 64 * MIB }, { Memory: 500 * MIB, MemorySwap: 600 * MIB }), {
      Memory: 500 * MIB,
      MemorySwap: 600 * MIB,
    });
    assert.deepEqual(change({}, { Memory: 32 * MIB }), { Memory: 32 * MIB });
  });

  test('memory above memory and swap together is refused, as docker', () => {
    assert.throws(() => change({ Memory: 64 * MIB }, { Memory: 129 * MIB }), { code: 'LIMIT_INVALID' });
  });
});

describe('checkCgroupParent()', () => {
  test('takes paths of names', () => {
    for (const path of ['ci', '/ci/web', 'machine.slice', '/a/b/c']) checkCgroupParent(path);
  });

  test('an empty path, the root and paths that climb out are refused', () => {
    for (const path of ['', '/', '..', '../x', '/a/../b', './x', '//', 'a//b', 'a b', `/${'x/'.repeat(20)}x`])
      assert.throws(() => checkCgroupParent(path), { code: 'LIMIT_INVALID' }, path);
  });
});
