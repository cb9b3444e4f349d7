import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { type CgroupSupport, readCgroupSupport } from './cgroup-support.ts';

/** Reads a tree of cgroup files as it was recorded on some machine: path, and what is in it. */
function supportIn(tree: Readonly<Record<string, string>>, self = '0::/\n'): CgroupSupport {
  const root = mkdtempSync(join(tmpdir(), 'shale-cgroups-'));
  try {
    for (const [path, content] of Object.entries(tree)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return readCgroupSupport(root, self);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Debian 12 with systemd, in the scope of a login. */
const UNIFIED = {
  'cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n',
  'cgroup.subtree_control': 'cpuset cpu io memory hugetlb pids rdma misc\n',
  'cpuset.cpus.effective': '0-3\n',
  'cpuset.mems.effective': '0\n',
  'user.slice/session-1.scope/memory.swap.max': 'max\n',
  'user.slice/session-1.scope/memory.max': 'max\n',
  'user.slice/session-1.scope/io.weight': 'default 100\n',
};
const IN_SESSION = '0::/user.slice/session-1.scope\n';

/** A small virtual machine: legacy controllers beside a unified hierarchy without any. */
const HYBRID = {
  'unified/cgroup.controllers': 'hugetlb\n',
  'memory/cgroup.procs': '1\n',
  'memory/memory.limit_in_bytes': '9223372036854771712\n',
  'memory/memory.soft_limit_in_bytes': '9223372036854771712\n',
  'memory/memory.swappiness': '60\n',
  'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n',
  'cpu/cpu.shares': '1024\n',
  'cpu/cpu.cfs_quota_us': '-1\n',
  'cpuset/cpuset.cpus': '0-1\n',
  'cpuset/cpuset.mems': '0\n',
  'pids/cgroup.procs': '1\n',
  'blkio/blkio.throttle.read_bps_device': '',
};

describe('readCgroupSupport() on recorded trees', () => {
  test('the unified hierarchy: everything but what version 2 does not have', () => {
    const support = supportIn(UNIFIED, IN_SESSION);
    assert.equal(support.version, 'v2');
    assert.deepEqual([...support.limits].toSorted(), [
      'CPU quota',
      'CPU sets',
      'CPU shares',
      'block I/O rate',
      'block I/O weight',
      'block I/O weight of a device',
      'memory',
      'memory reservation',
      'process number',
      'swap',
    ]);
    assert.deepEqual([support.cpus, support.memoryNodes], ['0-3', '0']);
  });

  test('the unified hierarchy without accounting of swap, and without weights', () => {
    const {
      'user.slice/session-1.scope/memory.swap.max': _swap,
      'user.slice/session-1.scope/io.weight': _w,
      ...rest
    } = UNIFIED;
    const { limits } = supportIn(rest, IN_SESSION);
    assert.deepEqual(
      [limits.has('memory'), limits.has('swap'), limits.has('block I/O weight'), limits.has('block I/O rate')],
      [true, false, false, true],
    );
  });

  test('the unified hierarchy of a container with two controllers', () => {
    const { limits, version } = supportIn({ 'cgroup.controllers': 'cpu pids\n' });
    assert.equal(version, 'v2');
    assert.deepEqual([...limits].toSorted(), ['CPU quota', 'CPU shares', 'process number']);
  });

  test('hybrid: the legacy controllers count', () => {
    const { limits, version, cpus } = supportIn(HYBRID);
    assert.equal(version, 'v1');
    assert.equal(cpus, '0-1');
    assert.deepEqual(
      [
        limits.has('swap'),
        limits.has('OOM killer switch'),
        limits.has('block I/O weight'),
        limits.has('block I/O rate'),
      ],
      [false, true, false, true],
    );
  });

  test('no cgroups at all', () => {
    assert.deepEqual(supportIn({}), { version: 'none', limits: new Set() });
  });
});
