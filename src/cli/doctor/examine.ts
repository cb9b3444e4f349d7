import { type Level, mappedCount, type NamespaceTrial } from '../../privilege/index.ts';
import type { Settings } from '../config/settings.ts';
import { humanSize } from '../output/human.ts';
import type { Probes } from './probes.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** `ok`; `limited`: works, but slower or not wholly; `missing`: something cannot be done. */
  readonly status: 'ok' | 'limited' | 'missing';
  /** What was found. */
  readonly found: string;
  /** What the lack costs. */
  readonly costs?: string;
  /** The command that mends it. */
  readonly fix?: string;
}

export interface DoctorReport {
  readonly level: Level;
  /** What the level gives, in a sentence. */
  readonly gives: string;
  readonly findings: readonly Finding[];
}

const GIVES: Readonly<Record<Level, string>> = {
  root: 'everything: builds, containers, networks',
  'user namespace': 'builds and containers without root; layers are unpacked once, networks are made by pasta',
  plain: 'builds without RUN, pull, load, save, inspect; no containers',
};

/** Debian keeps netavark out of PATH. */
const HELPER_FOLDERS = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/lib/podman', '/usr/local/libexec/podman'];
const EROFS_KERNEL: readonly [number, number] = [6, 12];
const SMALL_DISK_BYTES = 2e9;

/** Looks a machine over. Reads only, but for the EROFS probe, which mounts and unmounts in the store's folder. */
export async function examine(probes: Probes, settings: Settings): Promise<DoctorReport> {
  if (probes.platform !== 'linux') {
    const platform: Finding = {
      name: 'platform',
      status: 'missing',
      found: probes.platform,
      costs: 'RUN steps and containers need Linux',
    };
    return { level: 'plain', gives: GIVES.plain, findings: [node(probes), platform, store(probes, settings)] };
  }
  const standing = standingFindings(probes);
  const level = levelOf(probes, standing);
  const findings = [
    node(probes),
    ...standing,
    await layerMounts(probes, settings, level),
    overlay(probes),
    cgroups(probes),
    runtime(probes),
    conmon(probes),
    init(probes),
    ps(probes),
    ...(level === 'root' ? [netavark(probes), aardvark(probes), firewall(probes)] : [pasta(probes)]),
    store(probes, settings),
  ];
  return { level, gives: GIVES[level], findings };
}

function levelOf(probes: Probes, standing: readonly Finding[]): Level {
  if (probes.standing === 'root') return 'root';
  const usable = [...standing, runtime(probes)].every((finding) => finding.status !== 'missing');
  return usable ? 'user namespace' : 'plain';
}

/** What a process that may not mount by itself has to get it; nothing of it matters to root. */
function standingFindings(probes: Probes): Finding[] {
  if (probes.standing === 'root') return [];
  if (probes.standing === 'inside') {
    return [{ name: 'user namespace', status: 'ok', found: 'this process is root in one, and may mount there' }];
  }
  const trial = probes.tryUserNamespace();
  return [
    ...(probes.uid === 0 ? [weakRoot] : []),
    userNamespaces(probes, trial),
    ...(trial.noProc === undefined ? [] : [maskedProc(trial.noProc)]),
    ...(probes.uid === 0 ? [] : [subordinateIds(probes), mapPrograms(probes)]),
  ];
}

/** As in a container that was not started with --privileged. */
const weakRoot: Finding = {
  name: 'privileges',
  status: 'limited',
  found: 'root without CAP_SYS_ADMIN',
  costs: 'as an ordinary user: containers need a user namespace',
};

function install(...packages: readonly string[]): string {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function node({ nodeVersion }: Probes): Finding {
  return { name: 'node', status: 'ok', found: nodeVersion };
}

async function layerMounts(probes: Probes, settings: Settings, level: Level): Promise<Finding> {
  const release = probes.readText('/proc/sys/kernel/osrelease')?.trim() ?? 'unknown';
  const costs = 'each layer is unpacked once, so first starts are slower and take more room';
  if (level !== 'root') return { name: 'layer mounts', status: 'limited', found: `Linux ${release}, not root`, costs };
  const known = /\berofs$/m.test(probes.readText('/proc/filesystems') ?? '');
  if (probes.probeErofs !== undefined) {
    const { works, why } = await probes.probeErofs(settings.home);
    const found = `Linux ${release}, EROFS ${works ? 'mounts from the store' : `does not mount: ${why ?? 'no reason given'}`}`;
    return works
      ? { name: 'layer mounts', status: 'ok', found }
      : { name: 'layer mounts', status: 'limited', found, costs };
  }
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  const recent = major > EROFS_KERNEL[0] || (major === EROFS_KERNEL[0] && minor >= EROFS_KERNEL[1]);
  if (recent && known) return { name: 'layer mounts', status: 'ok', found: `Linux ${release} with EROFS (not tried)` };
  const lack = recent ? 'EROFS is not loaded' : `EROFS from files needs ${EROFS_KERNEL.join('.')}`;
  return {
    name: 'layer mounts',
    status: 'limited',
    found: `Linux ${release}, ${lack}`,
    costs,
    ...(recent ? { fix: 'modprobe erofs' } : {}),
  };
}

function overlay(probes: Probes): Finding {
  const there = /\boverlay$/m.test(probes.readText('/proc/filesystems') ?? '');
  if (there) return { name: 'overlay', status: 'ok', found: 'in the kernel' };
  return {
    name: 'overlay',
    status: 'missing',
    found: 'not loaded',
    costs: 'no RUN steps, no containers',
    fix: 'modprobe overlay',
  };
}

function cgroups(probes: Probes): Finding {
  const finding = hierarchies(probes);
  if (probes.standing === 'root' || finding.status !== 'ok') return finding;
  return {
    ...finding,
    status: 'limited',
    costs: 'without root memory, CPU, processes and devices of containers are not limited',
  };
}

function hierarchies(probes: Probes): Finding {
  if (probes.readText('/sys/fs/cgroup/cgroup.controllers') !== undefined) {
    return { name: 'cgroups', status: 'ok', found: 'version 2' };
  }
  const mounts = probes.readText('/proc/self/mounts') ?? '';
  if (/ cgroup2 /.test(mounts)) {
    return { name: 'cgroups', status: 'ok', found: 'hybrid (versions 1 and 2); runc works with it, crun does not' };
  }
  if (/ cgroup /.test(mounts)) return { name: 'cgroups', status: 'ok', found: 'version 1' };
  return { name: 'cgroups', status: 'limited', found: 'not mounted', costs: 'containers cannot be frozen for commit' };
}

function runtime(probes: Probes): Finding {
  for (const name of ['runc', 'crun']) {
    const path = probes.findProgram(name);
    if (path !== undefined) return { name: 'runtime', status: 'ok', found: describe(probes, path) };
  }
  return {
    name: 'runtime',
    status: 'missing',
    found: 'neither runc nor crun',
    costs: 'no RUN steps, no containers',
    fix: install('runc'),
  };
}

function conmon(probes: Probes): Finding {
  const path = probes.findProgram('conmon', HELPER_FOLDERS);
  if (path !== undefined) return { name: 'conmon', status: 'ok', found: describe(probes, path) };
  return {
    name: 'conmon',
    status: 'missing',
    found: 'not found',
    costs: 'no containers in the background (run -d)',
    fix: install('conmon'),
  };
}

function netavark(probes: Probes): Finding {
  const path = probes.findProgram('netavark', HELPER_FOLDERS);
  if (path !== undefined) return { name: 'netavark', status: 'ok', found: describe(probes, path) };
  return {
    name: 'netavark',
    status: 'missing',
    found: 'not found',
    costs: 'no networks of their own: only --network host and --network none',
    fix: install('netavark', 'iptables'),
  };
}

function aardvark(probes: Probes): Finding {
  const path = probes.findProgram('aardvark-dns', HELPER_FOLDERS);
  if (path !== undefined) return { name: 'aardvark-dns', status: 'ok', found: describe(probes, path) };
  return {
    name: 'aardvark-dns',
    status: 'limited',
    found: 'not found',
    costs: 'containers on a network of their own do not find each other by name',
    fix: install('aardvark-dns'),
  };
}

function ps(probes: Probes): Finding {
  const path = probes.findProgram('ps');
  if (path !== undefined) return { name: 'ps', status: 'ok', found: path };
  return { name: 'ps', status: 'limited', found: 'not found', costs: 'no shale top', fix: install('procps') };
}

function init(probes: Probes): Finding {
  for (const name of ['tini-static', 'catatonit', 'docker-init']) {
    const path = probes.findProgram(name, HELPER_FOLDERS);
    if (path !== undefined) return { name: 'init', status: 'ok', found: describe(probes, path) };
  }
  return {
    name: 'init',
    status: 'limited',
    found: 'neither tini-static nor catatonit',
    costs: 'no run --init',
    fix: install('tini'),
  };
}

function firewall(probes: Probes): Finding {
  const iptables = probes.findProgram('iptables');
  const nft = probes.findProgram('nft');
  const found = [iptables, nft].filter((path) => path !== undefined);
  if (found.length > 0) return { name: 'firewall', status: 'ok', found: found.join(', ') };
  return {
    name: 'firewall',
    status: 'missing',
    found: 'neither iptables nor nft',
    costs: 'containers on the bridge reach nothing outside, and no ports can be published',
    fix: install('iptables'),
  };
}

function userNamespaces(probes: Probes, { refused }: NamespaceTrial): Finding {
  if (refused === undefined) {
    const ids = mappedCount(probes.mapping().uids);
    return { name: 'user namespaces', status: 'ok', found: `can be made, with ${ids === 1 ? 'one id' : `${ids} ids`}` };
  }
  const costs = 'without root no RUN steps and no containers';
  const fix = switchFor(probes);
  return { name: 'user namespaces', status: 'missing', found: refused, costs, fix };
}

/** The setting that forbids them; where none does, it is a filter of system calls around this process. */
function switchFor(probes: Probes): string {
  const setting = (path: string): string | undefined => probes.readText(`/proc/sys/${path}`)?.trim();
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  }
  if (setting('kernel/unprivileged_userns_clone') === '0') return 'sysctl -w kernel.unprivileged_userns_clone=1';
  if (setting('user/max_user_namespaces') === '0') return 'sysctl -w user.max_user_namespaces=10000';
  return 'start the container around this process with --security-opt seccomp=unconfined';
}

function maskedProc(why: string): Finding {
  return {
    name: 'proc',
    status: 'missing',
    found: why,
    costs: 'no RUN steps and no containers: the /proc of this container is masked, so no other may be mounted',
    fix: 'start the container around this process with --security-opt systempaths=unconfined',
  };
}

function subordinateIds(probes: Probes): Finding {
  const lacking = ['/etc/subuid', '/etc/subgid'].filter((file) => !hasRange(probes, file));
  if (lacking.length === 0) return { name: 'subordinate ids', status: 'ok', found: 'in /etc/subuid and /etc/subgid' };
  return {
    name: 'subordinate ids',
    status: 'limited',
    found: `none for ${probes.userName} in ${lacking.join(' and ')}`,
    costs: 'files of images can have one owner only: images with others are refused, and chown fails in RUN',
    fix: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${probes.userName}`,
  };
}

function hasRange(probes: Probes, file: string): boolean {
  const lines = probes.readText(file)?.split('\n') ?? [];
  return lines.some((line) => [probes.userName, String(probes.uid)].includes(line.split(':')[0] ?? ''));
}

function mapPrograms(probes: Probes): Finding {
  const lacking = ['newuidmap', 'newgidmap'].filter((name) => probes.findProgram(name) === undefined);
  if (lacking.length === 0) return { name: 'uidmap', status: 'ok', found: 'newuidmap, newgidmap' };
  return {
    name: 'uidmap',
    status: 'limited',
    found: `no ${lacking.join(', no ')}`,
    costs: 'subordinate ids cannot be used: files of images can have one owner only',
    fix: install('uidmap'),
  };
}

function pasta(probes: Probes): Finding {
  const path = probes.findProgram('pasta');
  if (path !== undefined) return { name: 'pasta', status: 'ok', found: path };
  return {
    name: 'pasta',
    status: 'missing',
    found: 'not found',
    costs: 'without root no networks of their own: only --network host and --network none',
    fix: install('passt'),
  };
}

function store(probes: Probes, { home }: Settings): Finding {
  const fileSystem = probes.fileSystemOf(home);
  if (fileSystem === undefined) return { name: 'store', status: 'missing', found: `${home} cannot be looked at` };
  const { type, freeBytes } = fileSystem;
  const found = `${home} on ${type}, ${humanSize(freeBytes)} free`;
  if (type === 'overlay') {
    const costs = 'overlay cannot lie on overlay: containers and RUN steps need a volume or another disk';
    return { name: 'store', status: 'missing', found, costs, fix: 'SHALE_HOME=/on/a/disk' };
  }
  if (type === 'tmpfs') {
    const costs = 'layers cannot be mounted from a tmpfs (they are unpacked), and all is lost when the machine stops';
    return { name: 'store', status: 'limited', found, costs, fix: 'SHALE_HOME=/on/a/disk' };
  }
  if (freeBytes < SMALL_DISK_BYTES)
    return { name: 'store', status: 'limited', found, costs: 'room for few images', fix: 'shale system prune' };
  return { name: 'store', status: 'ok', found };
}

function describe(probes: Probes, path: string): string {
  const version = probes.versionOf(path);
  return version === undefined ? path : `${path} (${version})`;
}
