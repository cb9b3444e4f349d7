import { ShaleError } from '../base/index.ts';
import { grantedCapabilities } from './capabilities.ts';
import type { HostFacts } from './facts.ts';
import { type MountConfig, rootfsPropagation, runtimeMounts, userMount } from './spec-mounts.ts';
import { defaultSeccomp, type SeccompConfig, seccompFromProfile } from './seccomp.ts';
import type {
  MountSpec,
  NamespaceChoice,
  NetworkAttachment,
  ResourceLimit,
  RuntimeHooks,
  Resources,
  RunSpec,
  ConsoleSize,
} from './types.ts';
import type { Identity } from './users.ts';

/** A device node, found on the host. */
export interface ResolvedDevice {
  /** Where it is on this machine. */
  readonly source: string;
  /** Where the container finds it. */
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly access: string;
}

export interface ConfigInput {
  readonly spec: RunSpec;
  readonly identity: Identity;
  readonly network: NetworkAttachment;
  /** All mounts besides the runtime's own (the spec's and the three files), targets as preflight resolved them. */
  readonly mounts: readonly MountSpec[];
  readonly devices: readonly ResolvedDevice[];
  readonly facts: HostFacts;
}

/** The parts of config.json that are read back by our own code; the whole is JSON for the runtime. */
export interface RuntimeConfig {
  readonly ociVersion: string;
  readonly process: ProcessConfig;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly mounts: readonly MountConfig[];
  readonly linux: LinuxConfig;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hooks?: RuntimeHooks;
}

export interface ProcessConfig {
  readonly terminal: boolean;
  /** The size that the terminal has from the start; later changes reach it by signal. */
  readonly consoleSize?: ConsoleSize;
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly umask?: number;
    readonly additionalGids: readonly number[];
  };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Readonly<
    Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', readonly string[]>
  >;
  readonly rlimits: readonly {
    readonly type: string;
    readonly soft: number | bigint;
    readonly hard: number | bigint;
  }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
}

export interface LinuxConfig {
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  /** Absent: that of the runtime itself. */
  readonly cgroupsPath?: string;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly devices?: readonly Readonly<Record<string, unknown>>[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: SeccompConfig;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly rootfsPropagation?: string;
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What the name of a cgroup of ours begins with; the id follows, which says whose it is. */
export const CGROUP_PREFIX = 'shale-';

const ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
const ARGS_MAX = 100_000;
const ENV_MAX = 100_000;
const MOUNTS_MAX = 1000;
const UMASK = 0o022;

/**
 * The runtime-spec configuration (1.0.2) of one container: a pure function of its input, checked against docker's
 * defaults. @throws RUN_SPEC_INVALID.
 */
export function makeConfig(input: ConfigInput): RuntimeConfig {
  const { spec, network } = input;
  checkRunSpec(spec);
  const privileged = spec.capabilities?.kind === 'privileged';
  const hostUts = spec.uts?.kind === 'host';
  return {
    ociVersion: '1.0.2',
    process: makeProcess(input),
    root: { path: spec.rootfs.path, readonly: spec.readonlyRootfs === true },
    ...(spec.hostname !== undefined && !hostUts ? { hostname: spec.hostname } : {}),
    mounts: [...runtimeMounts(input, privileged), ...input.mounts.map((mount) => userMount(mount, input.facts))],
    linux: {
      namespaces: makeNamespaces(spec, network, input.facts),
      ...(input.facts.mayMakeCgroups && { cgroupsPath: cgroupPathOf(spec.id, spec.cgroupParent) }),
      resources: input.facts.mayMakeCgroups ? makeResources(spec, input.devices, privileged) : {},
      ...(input.devices.length > 0 ? { devices: input.devices.map(deviceNode) } : {}),
      sysctl: makeSysctls(spec, network, input.facts),
      ...makeSeccomp(input, privileged),
      maskedPaths: spec.maskedPaths ?? (privileged ? [] : input.facts.maskedPaths),
      readonlyPaths: spec.readonlyPaths ?? (privileged ? [] : input.facts.readonlyPaths),
      ...rootfsPropagation(input.mounts),
    },
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    ...(spec.hooks === undefined ? {} : { hooks: spec.hooks }),
  };
}

/** `/shale-<id>`, or that below `parent`. @throws RUN_SPEC_INVALID for an id that is no name, a parent that is no path of names. */
export function cgroupPathOf(id: string, parent?: string): string {
  checkId(id);
  if (parent === undefined) return `/${CGROUP_PREFIX}${id}`;
  if (!isCgroupParent(parent)) throw invalid(`${JSON.stringify(parent)} is not the path of a cgroup`);
  return `/${parent.replace(/^\//, '')}/${CGROUP_PREFIX}${id}`;
}

const CGROUP_PARENT = /^\/?(?!\.{1,2}(?:\/|$))[\w.@:-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[\w.@:-]{1,255}){0,15}$/;

/** True for the path of a cgroup below the root, with or without a slash in front: names, and neither `.` nor `..`. */
export function isCgroupParent(text: string): boolean {
  return CGROUP_PARENT.test(text);
}

/** @throws RUN_SPEC_INVALID unless `id` is safe as a file name. */
export function checkId(id: string): void {
  if (!ID.test(id)) throw invalid(`the id ${JSON.stringify(id)} is not a name of letters, digits, "_", "." and "-"`);
}

/** @throws RUN_SPEC_INVALID. */
export function checkRunSpec(spec: RunSpec): void {
  checkId(spec.id);
  if (!spec.rootfs.path.startsWith('/')) throw invalid('the root filesystem must be an absolute path');
  if (spec.args.length === 0) throw invalid('no command is given');
  if (spec.args.length > ARGS_MAX) throw invalid(`more than ${ARGS_MAX} arguments`);
  if (spec.env.length > ENV_MAX) throw invalid(`more than ${ENV_MAX} variables`);
  if ((spec.mounts ?? []).length > MOUNTS_MAX) throw invalid(`more than ${MOUNTS_MAX} mounts`);
  const variables = [...spec.env, ...(spec.secretEnv ?? [])];
  for (const text of [...spec.args, ...variables, spec.cwd ?? '/']) {
    if (text.includes('\0')) throw invalid('an argument, variable or path has a zero byte');
  }
  for (const entry of variables) {
    if (entry.indexOf('=') < 1) throw invalid('a variable is not NAME=value');
  }
  if (!(spec.cwd ?? '/').startsWith('/')) throw invalid('the working directory must be absolute');
}

function makeProcess(input: ConfigInput): ProcessConfig {
  const { spec, identity, facts } = input;
  const granted = grantedCapabilities(spec.capabilities ?? { kind: 'default' }, facts.capabilities);
  const root = identity.uid === 0;
  return {
    terminal: spec.terminal === true,
    ...(spec.terminal === true && spec.consoleSize !== undefined && { consoleSize: spec.consoleSize }),
    user: {
      uid: identity.uid,
      gid: identity.gid,
      umask: spec.umask ?? UMASK,
      additionalGids: identity.groups,
    },
    args: spec.initPath === undefined ? spec.args : [INIT_TARGET, '--', ...spec.args],
    env: makeEnv(spec, identity, input.network.env),
    cwd: spec.cwd ?? '/',
    capabilities: {
      bounding: granted,
      // A user other than root holds none; programs with file capabilities get them from the bounding set, as in docker.
      effective: root ? granted : [],
      permitted: root ? granted : [],
      // Never inheritable: a program with inheritable file capabilities would gain them (CVE-2022-24769).
      inheritable: [],
      ambient: [],
    },
    rlimits: makeRlimits(spec.rlimits ?? [], facts),
    noNewPrivileges: spec.noNewPrivileges === true,
    ...(spec.oomScoreAdjust === undefined ? {} : { oomScoreAdj: spec.oomScoreAdjust }),
    ...(spec.apparmorProfile === undefined ? {} : { apparmorProfile: spec.apparmorProfile }),
  };
}

/** Where a static init of the host is mounted for `--init`. */
export const INIT_TARGET = '/sbin/docker-init';

/** As docker: PATH, HOSTNAME and TERM in front, HOME behind, each only when the spec does not say otherwise. */
export function makeEnv(spec: RunSpec, identity: Identity, networkEnv: readonly string[]): string[] {
  const variables = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  if (spec.hostname !== undefined && spec.hostnameVariable !== false) variables.set('HOSTNAME', spec.hostname);
  if (spec.terminal === true) variables.set('TERM', 'xterm');
  for (const entry of [...networkEnv, ...spec.env]) {
    const at = entry.indexOf('=');
    variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  if (!variables.has('HOME')) variables.set('HOME', identity.home);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** Limits are never asked above our own hard limit: that needs a privilege, and fails in the middle of the start. */
function makeRlimits(limits: readonly ResourceLimit[], facts: HostFacts): ProcessConfig['rlimits'] {
  const byName = new Map(limits.map((limit) => [limit.name.toLowerCase().replace(/^rlimit_/, ''), limit]));
  return [...byName].map(([name, limit]) => {
    const ceiling = facts.hardLimits.get(name);
    if (ceiling === undefined) throw invalid(`there is no resource limit ${JSON.stringify(name)}`);
    const hard = lower(limit.hard, ceiling);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: number(lower(limit.soft, hard)), hard: number(hard) };
  });
}

type Limit = number | 'unlimited';

function lower(a: Limit, b: Limit): Limit {
  if (a === 'unlimited') return b;
  if (b === 'unlimited') return a;
  return Math.min(a, b);
}

const RLIM_INFINITY = 2n ** 64n - 1n;

function number(limit: Limit): number | bigint {
  return limit === 'unlimited' ? RLIM_INFINITY : limit;
}

function makeNamespaces(spec: RunSpec, network: NetworkAttachment, facts: HostFacts): LinuxConfig['namespaces'] {
  return [
    { type: 'mount' },
    ...namespace('pid', spec.pid),
    ...namespace('ipc', spec.ipc),
    ...namespace('uts', spec.uts),
    ...networkNamespace(network),
    // As docker: on the legacy hierarchy containers see the host's cgroup paths, on the unified one their own.
    ...((spec.cgroupNamespace ?? (facts.cgroups === 'v2' ? 'private' : 'host')) === 'private'
      ? [{ type: 'cgroup' }]
      : []),
  ];
}

function namespace(
  type: 'pid' | 'ipc' | 'uts',
  choice: NamespaceChoice = { kind: 'private' },
): LinuxConfig['namespaces'] {
  switch (choice.kind) {
    case 'private':
      return [{ type }];
    case 'host':
      return [];
    case 'process':
      return [{ type, path: `/proc/${choice.pid}/ns/${type}` }];
  }
}

/**
 * The runtime is started inside the network namespace (RuntimeHost), and joins the one that it is in: a path of ours
 * could not be opened from the process-id namespace of a build step.
 */
function networkNamespace(network: NetworkAttachment): LinuxConfig['namespaces'] {
  switch (network.namespace.kind) {
    case 'new':
      return [{ type: 'network' }];
    case 'host':
      return [];
    case 'path':
      return [{ type: 'network', path: '/proc/self/ns/net' }];
  }
}

/** A namespace that was handed in has got its `net.` settings already (the runtime takes it for the host's). */
function makeSysctls(spec: RunSpec, network: NetworkAttachment, facts: HostFacts): Readonly<Record<string, string>> {
  const defaults = network.namespace.kind === 'new' ? facts.networkSysctls : {};
  // Older runtimes do not know the field `domainname`; as a setting it belongs to the same namespace (docker's way).
  const domain =
    spec.domainname === undefined || spec.uts?.kind === 'host' ? {} : { 'kernel.domainname': spec.domainname };
  const asked = Object.entries({ ...defaults, ...domain, ...spec.sysctls });
  return Object.fromEntries(asked.filter(([name]) => network.namespace.kind !== 'path' || !isNetworkSysctl(name)));
}

/** True for settings that belong to a network namespace. */
export function isNetworkSysctl(name: string): boolean {
  return name.startsWith('net.') || name.startsWith('net/');
}

const CPU_PERIOD_US = 100_000;

function makeResources(
  spec: RunSpec,
  devices: readonly ResolvedDevice[],
  privileged: boolean,
): Readonly<Record<string, unknown>> {
  const rules = [...DEVICE_RULES, ...devices.map(deviceRule), ...(spec.deviceRules ?? []).map(parseDeviceRule)];
  return {
    devices: privileged ? [{ allow: true, access: 'rwm' }] : rules,
    ...makeLimits(spec.resources ?? {}),
  };
}

/** Limits as the runtime-spec has them (config-linux.md, "Control groups"), at a start and for `update`. */
export function makeLimits(resources: Resources): Readonly<Record<string, unknown>> {
  return {
    ...group('memory', {
      limit: resources.memoryBytes,
      reservation: resources.memoryReservationBytes,
      swap: resources.memorySwapBytes,
      swappiness: resources.memorySwappiness,
      disableOOMKiller: resources.oomKillDisable,
    }),
    ...group('cpu', {
      shares: resources.cpuShares,
      quota: resources.cpus === undefined ? resources.cpuQuotaUs : Math.round(resources.cpus * CPU_PERIOD_US),
      period: resources.cpus === undefined ? resources.cpuPeriodUs : CPU_PERIOD_US,
      realtimeRuntime: resources.cpuRealtimeRuntimeUs,
      realtimePeriod: resources.cpuRealtimePeriodUs,
      cpus: resources.cpusetCpus,
      mems: resources.cpusetMems,
    }),
    ...group('pids', { limit: resources.pidsMax }),
    ...group('blockIO', {
      weight: resources.blkioWeight,
      weightDevice: resources.blkioWeightDevices,
      throttleReadBpsDevice: resources.blkioRates?.readBps,
      throttleWriteBpsDevice: resources.blkioRates?.writeBps,
      throttleReadIOPSDevice: resources.blkioRates?.readIops,
      throttleWriteIOPSDevice: resources.blkioRates?.writeIops,
    }),
  };
}

/** @throws RUN_SPEC_INVALID. */
function parseDeviceRule(rule: string): Readonly<Record<string, unknown>> {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule);
  if (match === null) throw invalid(`${JSON.stringify(rule)} is not a rule for devices, as "c 1:3 rwm"`);
  const [, type, major, minor, access] = match;
  const numbers = (name: string, text = '*'): Record<string, number> => (text === '*' ? {} : { [name]: Number(text) });
  return { allow: true, type, ...numbers('major', major), ...numbers('minor', minor), access };
}

function group(name: string, values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const set = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  return Object.keys(set).length === 0 ? {} : { [name]: set };
}

const c = (major: number, minor: number, access = 'rwm', allow = true): Readonly<Record<string, unknown>> => ({
  allow,
  type: 'c',
  major,
  minor,
  access,
});

/** Deny all, then docker's list: zero, null, urandom, random, tty, console; never fuse. */
const DEVICE_RULES: readonly Readonly<Record<string, unknown>>[] = [
  { allow: false, access: 'rwm' },
  c(1, 5),
  c(1, 3),
  c(1, 9),
  c(1, 8),
  c(5, 0),
  c(5, 1),
  c(10, 229, 'rwm', false),
];

function deviceRule(device: ResolvedDevice): Readonly<Record<string, unknown>> {
  return { allow: true, type: device.type, major: device.major, minor: device.minor, access: device.access };
}

function deviceNode(device: ResolvedDevice): Readonly<Record<string, unknown>> {
  return {
    path: device.path,
    type: device.type,
    major: device.major,
    minor: device.minor,
    fileMode: device.mode,
    uid: device.uid,
    gid: device.gid,
  };
}

function makeSeccomp(input: ConfigInput, privileged: boolean): { readonly seccomp?: SeccompConfig } {
  const { spec, facts } = input;
  const wish = spec.seccomp ?? { kind: 'default' };
  if (wish.kind === 'unconfined' || (privileged && wish.kind === 'default')) return {};
  const capabilities = new Set(grantedCapabilities(spec.capabilities ?? { kind: 'default' }, facts.capabilities));
  const conditions = { capabilities, architecture: facts.architecture, kernel: facts.kernel };
  if (wish.kind === 'profile') return { seccomp: seccompFromProfile(wish.profile, conditions) };
  return { seccomp: defaultSeccomp(conditions) };
}

/** JSON.rawJSON (V8), which the library types do not know yet. */
interface RawJson {
  rawJSON(text: string): unknown;
}

/** config.json's text. Numbers beyond 2^53 (RLIM_INFINITY) are written exactly. */
export function formatConfig(config: RuntimeConfig | ProcessConfig): string {
  const json = JSON as unknown as RawJson; // Node 24 has it
  return JSON.stringify(config, (_, value: unknown) =>
    typeof value === 'bigint' ? json.rawJSON(value.toString()) : value,
  );
}

function invalid(why: string): ShaleError {
  return new ShaleError('RUN_SPEC_INVALID', `cannot run: ${why}`);
}
