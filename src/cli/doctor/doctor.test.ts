import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NamespaceTrial } from '../../privilege/index.ts';
import type { Settings } from '../config/settings.ts';
import { type DoctorReport, examine, type Finding } from './examine.ts';
import type { Probes } from './probes.ts';
import { formatDoctor } from './report.ts';

const settings: Settings = {
  home: '/store',
  run: '/run/shale',
  progress: 'auto',
  cacheMax: { kind: 'percent', percent: 10 },
  buildsKeep: 500,
  buildsLogs: 1e9,
  registryInsecure: [],
  registryMirrors: {},
  networkDefault: 'bridge',
};

const FILES: Readonly<Record<string, string>> = {
  '/proc/sys/kernel/osrelease': '6.12.1-amd64\n',
  '/proc/filesystems': 'nodev\ttmpfs\n\text4\n\terofs\nnodev\toverlay\n',
  '/sys/fs/cgroup/cgroup.controllers': 'cpu',
  '/proc/sys/user/max_user_namespaces': '1000\n',
  '/etc/subuid': 'me:100000:65536\n',
  '/etc/subgid': '1000:100000:65536\n',
};

interface Machine {
  readonly uid?: number;
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly programs?: readonly string[];
  readonly platform?: string;
  readonly fileSystem?: string;
  readonly freeBytes?: number;
  readonly probeErofs?: Probes['probeErofs'];
  readonly standing?: Probes['standing'];
  readonly trial?: NamespaceTrial;
}

const PROGRAMS = [
  'runc',
  'conmon',
  'tini-static',
  'ps',
  'netavark',
  'aardvark-dns',
  'iptables',
  'newuidmap',
  'newgidmap',
  'pasta',
];

function look(machine: Machine = {}): Promise<DoctorReport> {
  const files = { ...FILES, ...machine.files };
  const programs = machine.programs ?? PROGRAMS;
  return examine(
    {
      platform: machine.platform ?? 'linux',
      nodeVersion: '24.0.0',
      uid: machine.uid ?? 0,
      userName: machine.uid === undefined ? 'root' : 'me',
      readText: (path) => files[path as keyof typeof files],
      findProgram: (name) => (programs.includes(name) ? `/usr/bin/${name}` : undefined),
      versionOf: () => '1.0',
      fileSystemOf: () => ({
        type: machine.fileSystem ?? 'ext4',
        freeBytes: machine.freeBytes ?? 1e11,
        sizeBytes: 1e12,
      }),
      probeErofs: machine.probeErofs,
      standing: machine.standing ?? ((machine.uid ?? 0) === 0 ? 'root' : 'outside'),
      tryUserNamespace: () => machine.trial ?? {},
      mapping: () => ({ kind: 'subordinate', uids: [{ inside: 0, outside: 1000, count: 1 }], gids: [] }),
    },
    settings,
  );
}

function finding(report: DoctorReport, name: string): Finding {
  const found = report.findings.find((one) => one.name === name);
  assert.ok(found !== undefined, `a finding ${name}`);
  return found;
}

describe('doctor', () => {
  test('doctor finds nothing missing on a machine that has everything', async () => {
    const report = await look();
    assert.equal(report.level, 'root');
    assert.deepEqual(
      report.findings.filter((one) => one.status !== 'ok'),
      [],
    );
  });

  test('doctor says what each missing program costs and which command installs it', async () => {
    const report = await look({ programs: [] });
    for (const [name, fix] of [
      ['runtime', /^apt-get install .* runc$/],
      ['conmon', /^apt-get install .* conmon$/],
      ['netavark', /^apt-get install .* netavark iptables$/],
      ['firewall', /^apt-get install .* iptables$/],
    ] as const) {
      const { status, costs, fix: told } = finding(report, name);
      assert.equal(status, 'missing');
      assert.ok((costs ?? '').length > 10, `${name} says what it costs`);
      assert.match(told ?? '', fix);
    }
  });

  test('doctor tells the three levels apart', async () => {
    const refused = { refused: 'unshare: unshare failed: Operation not permitted' };
    assert.equal((await look({ uid: 1000 })).level, 'user namespace');
    assert.equal((await look({ uid: 1000, trial: refused })).level, 'plain');
    assert.equal((await look({ uid: 1000, programs: PROGRAMS.filter((one) => one !== 'runc') })).level, 'plain');
    assert.equal((await look({ uid: 0, standing: 'inside' })).level, 'user namespace');
    const weak = await look({ uid: 0, standing: 'outside', trial: refused });
    assert.equal(weak.level, 'plain');
    assert.match(finding(weak, 'privileges').found, /CAP_SYS_ADMIN/);
    const masked = await look({ uid: 1000, trial: { noProc: 'mount /proc failed: Operation not permitted' } });
    assert.equal(masked.level, 'plain');
    assert.match(finding(masked, 'proc').fix ?? '', /systempaths=unconfined/);
    const mac = await look({ platform: 'darwin', uid: 501 });
    assert.equal(mac.level, 'plain');
    assert.match(finding(mac, 'platform').costs ?? '', /Linux/);
  });

  test('doctor says what is lost without subordinate ids, and what gives them', async () => {
    const without = await look({ uid: 1000, files: { '/etc/subuid': '' }, programs: ['runc'] });
    assert.equal(without.level, 'user namespace');
    assert.match(finding(without, 'subordinate ids').costs ?? '', /one owner only/);
    assert.match(finding(without, 'subordinate ids').fix ?? '', /^usermod --add-subuids .* me$/);
    assert.match(finding(without, 'uidmap').fix ?? '', /install .* uidmap$/);
  });

  test('doctor names what switches user namespaces off', async () => {
    const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ '/proc/sys/user/max_user_namespaces': '0' }, /^sysctl -w user.max_user_namespaces=10000$/],
      [{ '/proc/sys/kernel/unprivileged_userns_clone': '0' }, /^sysctl -w kernel.unprivileged_userns_clone=1$/],
      [
        { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' },
        /^sysctl -w kernel.apparmor_restrict_unprivileged_userns=0$/,
      ],
      [{}, /seccomp=unconfined/],
    ];
    for (const [files, fix] of cases) {
      const report = await look({ uid: 1000, files, trial: { refused: 'Operation not permitted' } });
      assert.match(finding(report, 'user namespaces').fix ?? '', fix);
    }
  });

  test('doctor believes a tried mount more than a kernel version', async () => {
    const works = await look({
      files: { '/proc/sys/kernel/osrelease': '6.1.0' },
      probeErofs: async () => ({ works: true }),
    });
    assert.equal(finding(works, 'layer mounts').status, 'ok');
    const fails = await look({ probeErofs: async () => ({ works: false, why: 'ENOTBLK' }) });
    assert.match(finding(fails, 'layer mounts').found, /does not mount: ENOTBLK/);
    assert.equal(finding(fails, 'layer mounts').status, 'limited');
    assert.equal(
      finding(await look({ files: { '/proc/sys/kernel/osrelease': '6.1.0' } }), 'layer mounts').status,
      'limited',
    );
  });

  test('doctor knows the cgroup layouts', async () => {
    const without = { '/sys/fs/cgroup/cgroup.controllers': undefined };
    const layout = async (mounts: string): Promise<string> =>
      finding(await look({ files: { ...without, '/proc/self/mounts': mounts } }), 'cgroups').found;
    assert.equal(finding(await look(), 'cgroups').found, 'version 2');
    assert.match(await layout('cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n'), /hybrid/);
    assert.equal(await layout('cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n'), 'version 1');
    assert.equal(await layout(''), 'not mounted');
  });

  test('doctor warns of stores on overlay, on tmpfs and on full disks', async () => {
    assert.equal(finding(await look({ fileSystem: 'overlay' }), 'store').status, 'missing');
    assert.equal(finding(await look({ fileSystem: 'tmpfs' }), 'store').status, 'limited');
    assert.match(finding(await look({ freeBytes: 1e9 }), 'store').fix ?? '', /prune/);
  });

  test('formatDoctor() prints a line per finding, coloured where wanted', async () => {
    const report = await look({ programs: ['runc', 'conmon', 'iptables'] });
    const text = formatDoctor(report, false);
    assert.match(text, /^level: root: everything/);
    assert.match(text, /\nmissing {2}netavark {9}not found\n {26}costs: .*\n {26}try: apt-get install/);
    assert.match(formatDoctor(report, true), /\u001B\[31mmissing/);
  });
});
