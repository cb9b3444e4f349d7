import { statSync, writeFileSync } from 'node:fs';
import { type ByteString, invariant, isSystemError, ShaleError } from '../base/index.ts';
import { mountedDevices, resolveDevices } from './devices.ts';
import type { HostFacts } from './facts.ts';
import type { RunFolders } from './folders.ts';
import type { RuntimeHost } from './host.ts';
import { preflight, rootfsUserDatabase, type TargetRequest } from './preflight.ts';
import { checkRunSpec, formatConfig, INIT_TARGET, isNetworkSysctl, makeConfig, type RuntimeConfig } from './spec.ts';
import type { MountSpec, MountTraces, NetworkAttachment, RunSpec } from './types.ts';
import { resolveUser } from './users.ts';

/** What all of the runtime's parts work with. */
export interface RuntimeContext {
  readonly host: RuntimeHost;
  readonly folders: RunFolders;
  /** Name or path of the runtime. */
  readonly command: string;
  readonly facts: HostFacts;
  readonly options: RuntimeLimits;
}

/** How long the runtime may take for what takes it milliseconds. */
export interface RuntimeLimits {
  readonly commandTimeoutMs: number;
}

export interface Prepared {
  readonly config: RuntimeConfig;
  readonly traces: MountTraces;
  readonly network: NetworkAttachment;
}

/**
 * Makes everything that a start needs, in `folder`, of a container that outlives this process or not: identity, network, mount targets, config.json. On failure the network
 * is given back; the folder is the caller's. @throws the errors of its parts.
 */
export async function prepare(
  context: RuntimeContext,
  spec: RunSpec,
  { folder, isLasting }: { readonly folder: string; readonly isLasting: boolean },
): Promise<Prepared> {
  checkRunSpec(spec);
  const found = resolveDevices(spec);
  const mounted = mountedDevices(found, context.facts);
  const devices = mounted.length === 0 ? found : found.filter(({ source, path }) => source === path);
  // Setting up a network takes longest: it goes on while the user is looked up.
  const attaching = attachNetwork(spec, context.facts, isLasting);
  const looked = await settled(resolveUser(spec.user ?? '', spec.groups ?? [], rootfsUserDatabase(spec.rootfs)));
  const network = await attaching;
  try {
    const identity = looked();
    const mounts = orderMounts([
      ...fileMounts(spec, network, folder),
      ...initMount(spec),
      ...mounted,
      ...(spec.mounts ?? []),
    ]);
    const checked = preflight({ rootfs: spec.rootfs, targets: mounts.map(targetOf), cwd: spec.cwd ?? '/' });
    const placed = mounts.map((mount, index) => withTarget(mount, checked.targets[index]));
    const config = makeConfig({ spec, identity, network, mounts: placed, devices, facts: context.facts });
    writeFileSync(`${folder}/config.json`, formatConfig(config), { mode: 0o600 });
    return { config, traces: checked.traces, network };
  } catch (error) {
    await network[Symbol.asyncDispose]();
    throw error;
  }
}

/** The outcome of a promise, to be taken later. */
async function settled<T>(promise: Promise<T>): Promise<() => T> {
  try {
    const value = await promise;
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function attachNetwork(spec: RunSpec, facts: HostFacts, isLasting: boolean): Promise<NetworkAttachment> {
  return spec.network.attach({
    id: spec.id,
    hostname: spec.hostname ?? spec.id.slice(0, 12),
    ...(spec.domainname !== undefined && { domainname: spec.domainname }),
    ports: spec.ports ?? [],
    extraHosts: spec.extraHosts ?? [],
    dns: spec.dns ?? {},
    isLasting,
    sysctls: Object.fromEntries(
      Object.entries({ ...facts.networkSysctls, ...spec.sysctls }).filter(([name]) => isNetworkSysctl(name)),
    ),
  });
}

/** resolv.conf, hosts and hostname as files of ours, unless the spec itself mounts something there. */
function fileMounts(spec: RunSpec, network: NetworkAttachment, folder: string): MountSpec[] {
  const asked = new Set((spec.mounts ?? []).map((mount) => mount.target));
  const files: readonly (readonly [string, string | undefined])[] = [
    ['resolv.conf', network.files.resolvConf],
    ['hosts', network.files.hosts],
    ['hostname', network.files.hostname],
  ];
  const mounts: MountSpec[] = [];
  for (const [name, text] of files) {
    if (text === undefined || asked.has(`/etc/${name}`)) continue;
    writeFileSync(`${folder}/${name}`, text, { mode: 0o644 });
    mounts.push({ kind: 'bind', source: `${folder}/${name}`, sourceKind: 'file', target: `/etc/${name}` });
  }
  return mounts;
}

function initMount(spec: RunSpec): MountSpec[] {
  if (spec.initPath === undefined) return [];
  return [{ kind: 'bind', source: spec.initPath, sourceKind: 'file', target: INIT_TARGET, readonly: true }];
}

/** Parents before children, as docker; otherwise in the order given. @throws RUN_SPEC_INVALID for a target twice. */
function orderMounts(mounts: readonly MountSpec[]): MountSpec[] {
  const depth = (mount: MountSpec): number => mount.target.split('/').filter((name) => name !== '').length;
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) throw new ShaleError('RUN_SPEC_INVALID', `cannot run: two mounts at ${target}`);
    seen.add(target);
  }
  return mounts.toSorted((a, b) => depth(a) - depth(b));
}

function targetOf(mount: MountSpec): TargetRequest {
  if (mount.kind !== 'bind') {
    // Runtimes give a tmpfs the mode of the directory that it hides; older ones also where another is asked for.
    const mode = mount.kind === 'tmpfs' ? { mode: mount.mode ?? 0o1777 } : {};
    return { target: mount.target, kind: 'directory', traceless: true, ...mode };
  }
  return {
    target: mount.target,
    kind: mount.sourceKind ?? kindOf(mount.source),
    traceless: mount.traceless !== false,
    allowSys: mount.source === mount.target,
  };
}

function kindOf(source: string): 'file' | 'directory' {
  if (!source.startsWith('/')) {
    throw new ShaleError('MOUNT_SOURCE_INVALID', `cannot mount ${source}: it must be absolute`, { data: { source } });
  }
  try {
    return statSync(source).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    throw new ShaleError('MOUNT_SOURCE_INVALID', `cannot mount ${source}: it does not exist`, { data: { source } });
  }
}

function withTarget(mount: MountSpec, target: string | undefined): MountSpec {
  invariant(target !== undefined, 'preflight answers every target');
  return { ...mount, target };
}

/** Absolute targets as the container sees them, for those who look into the rootfs from outside. */
export function mountTargets(config: RuntimeConfig): readonly ByteString[] {
  return config.mounts.map((mount) => mount.destination);
}
