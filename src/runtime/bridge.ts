import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, isSystemError, messageOf, type Owner, sha256Hex, ShaleError, thisOwner } from '../base/index.ts';
import type { RuntimeHost } from './host.ts';
import {
  addToAddress6,
  askedAddress,
  findSubnet,
  freeAddress,
  gatewayOf,
  type Lease,
  type NetworkState,
  parseAddress,
  readState,
  stateFileOf,
  withNetworkLock,
  writeState,
} from './leases.ts';
import { type NetavarkNetwork, netavarkSetup, netavarkTeardown, removeLeftoverChains } from './netavark.ts';
import { makeNetworkNamespace, type NetworkNamespace } from './netns.ts';
import { readHostResolvConf, resolvConfFor } from './networks-basic.ts';
import { openPlainHost } from './plain-host.ts';
import { settlePorts } from './ports.ts';
import { hostsFile } from './resolv.ts';
import { leaveInBackground, type Leaving } from './teardown.ts';
import type {
  NetworkAttachment,
  NetworkDefinition,
  NetworkEndpoint,
  NetworkProvider,
  NetworkRequest,
  PublishedPort,
} from './types.ts';

export interface BridgeOptions {
  /** `networks` of the run folder: state and lock. */
  readonly folder: string;
  /** Name of the interface, at most 15 characters; default `shale0` for /run/shale, a name of its own for any other. */
  readonly bridge?: string;
}

const DEFAULT_FOLDER = '/run/shale/networks';
const DEFAULT_BRIDGE = 'shale0';

/** One run folder, one bridge: who shares the addresses must share the leases. */
function bridgeOf(folder: string): string {
  if (folder === DEFAULT_FOLDER) return DEFAULT_BRIDGE;
  return `shale-${sha256Hex(Buffer.from(folder)).slice(0, 8)}`;
}

/**
 * Containers on a bridge of the host, behind NAT, with published ports. The bridge and its rules come with the first
 * container and go with the last one. netavark also turns the host's `net.ipv4.ip_forward` on; that stays.
 */
export function bridgeNetwork(options: BridgeOptions): NetworkProvider {
  const bridge = openBridge(options);
  return { kind: 'bridge', attach: (request) => attachToBridge(bridge, request) };
}

export interface Bridge {
  /** netavark and iptables need nothing of a private mount namespace, and must not keep one. */
  readonly host: RuntimeHost;
  readonly folder: string;
  readonly bridge: string;
  /** Absent for the default bridge. */
  readonly network?: NetworkDefinition;
}

export function openBridge(options: BridgeOptions & { readonly network?: NetworkDefinition }): Bridge {
  const { folder, network } = options;
  const bridge = network?.bridge ?? options.bridge ?? bridgeOf(folder);
  return { host: openPlainHost(), folder, bridge, ...(network !== undefined && { network }) };
}

/** The name of the default bridge's interface. */
export function defaultBridgeOf(folder: string): string {
  return bridgeOf(folder);
}

/** Who is on a bridge; undefined when nobody is. */
export function readBridge({ folder, bridge }: Pick<Bridge, 'folder' | 'bridge'>): NetworkState | undefined {
  return readState(folder, bridge);
}

/** See NetworkProvider.attach. */
export async function attachToBridge(network: Bridge, request: NetworkRequest): Promise<BridgeAttachment> {
  const namespace = makeNetworkNamespace(request.sysctls);
  try {
    const joined = await withNetworkLock(network.folder, (lock) =>
      joinBridge({ ...network, lock }, request, namespace.path),
    );
    return new BridgeAttachment(network, request, namespace, joined);
  } catch (error) {
    namespace[Symbol.dispose]();
    throw error;
  }
}

const TAKE_DOWN_TRIES = 20;
const TAKE_DOWN_PAUSE_MS = 100;

/** While its lock is held. */
export interface LockedBridge extends Bridge {
  readonly lock: number;
}

/** How somebody wants to be on a bridge. */
export interface JoinWish {
  readonly id: string;
  readonly ports: readonly PublishedPort[];
  readonly endpoint?: NetworkEndpoint;
  readonly interfaceName?: string;
}

export interface Joined {
  readonly state: NetworkState;
  readonly lease: Lease;
  readonly macAddress: string | undefined;
}

/**
 * Under the lock: takes a place on a bridge for a network namespace (a path), with a lease of this process.
 * @throws NETWORK_FULL, NETWORK_ADDRESS_INVALID, PORT_IN_USE, NETWORK_SETUP_FAILED
 */
export async function joinBridge(network: LockedBridge, wish: JoinWish, namespace: string): Promise<Joined> {
  const before: NetworkState = readState(network.folder, network.bridge) ?? {
    bridge: network.bridge,
    subnet: network.network?.subnet ?? findSubnet(network.bridge, readHostResolvConf()),
    leases: [],
    ...(network.network !== undefined && { network: network.network }),
  };
  const ports = await settlePorts(wish.ports, leasedPorts(network.folder));
  const lease = leaseOf(before, wish, ports);
  const state = { ...before, leases: [...before.leases, lease] };
  // Written before anything is made, so that a sweep finds it whatever happens next.
  writeState(network.folder, state);
  try {
    const macAddress = await netavarkSetup(network.host, describeNetwork(network, state), lease, namespace);
    if (network.network === undefined || macAddress === undefined) return { state, lease, macAddress };
    const known = { ...lease, macAddress };
    const told = { ...before, leases: [...before.leases, known] };
    writeState(network.folder, told);
    return { state: told, lease: known, macAddress };
  } catch (error) {
    await leaveBridge(network, lease, namespace).catch(() => {});
    throw error;
  }
}

/** Ports of the host that containers of this run folder have, on any bridge. */
function leasedPorts(folder: string): PublishedPort[] {
  return bridgesIn(folder).flatMap((bridge) => readState(folder, bridge)?.leases.flatMap(({ ports }) => ports) ?? []);
}

function leaseOf(state: NetworkState, wish: JoinWish, ports: readonly PublishedPort[]): Lease {
  const { endpoint, interfaceName } = wish;
  const address = endpoint?.address === undefined ? freeAddress(state) : askedAddress(state, endpoint.address);
  const address6 = endpoint?.address6 ?? address6Of(state, address);
  if (address6 !== undefined && state.leases.some((lease) => lease.address6 === address6)) {
    throw new ShaleError('NETWORK_ADDRESS_INVALID', `the address ${address6} cannot be given: a container has it`);
  }
  return {
    id: wish.id,
    address,
    ports,
    kind: 'process',
    owner: thisOwner(),
    ...(endpoint !== undefined && { names: endpoint.names }),
    ...(endpoint?.macAddress !== undefined && { macAddress: endpoint.macAddress }),
    ...(interfaceName !== undefined && { interfaceName }),
    ...(address6 !== undefined && { address6 }),
  };
}

/** The IPv6 address stands as far into its subnet as the IPv4 one into its own: free when that is. */
function address6Of({ network, subnet }: NetworkState, address: string): string | undefined {
  const six = network?.subnet6?.subnet.split('/')[0];
  if (six === undefined) return undefined;
  const offset = (parseAddress(address) ?? 0) - subnet.base;
  return addToAddress6(six, offset);
}

/** Under the lock: takes a lease off the bridge, and the bridge down with the last one. */
export async function leaveBridge(network: LockedBridge, lease: Lease, namespace: string): Promise<void> {
  const state = readState(network.folder, network.bridge);
  const held = state?.leases.find((other) => other.address === lease.address && other.id === lease.id);
  if (state === undefined || held === undefined) return;
  await netavarkTeardown(network.host, describeNetwork(network, state), held, namespace);
  const leases = state.leases.filter((other) => other !== held);
  if (leases.length > 0) {
    writeState(network.folder, { ...state, leases });
    return;
  }
  await takeDown(network, state, held);
  await removeLeftoverChains(network.host, network.lock, { isolated: state.network !== undefined });
  if (state.network === undefined) rmSync(configFolderOf(network), { recursive: true, force: true });
  rmSync(`${network.folder}/${network.bridge}.json`, { force: true });
}

/**
 * netavark keeps a bridge that has a port, and with it the rules. Where a namespace has just ended the kernel may need a
 * while to take its port away; then a container that comes and goes has netavark look again.
 */
async function takeDown(network: LockedBridge, state: NetworkState, lease: Lease): Promise<void> {
  for (let tries = 0; tries < TAKE_DOWN_TRIES && isInterface(network.bridge); tries++) {
    await sleep(TAKE_DOWN_PAUSE_MS);
    using empty = makeNetworkNamespace();
    await netavarkSetup(network.host, describeNetwork(network, state), { ...lease, ports: [] }, empty.path);
    await netavarkTeardown(network.host, describeNetwork(network, state), { ...lease, ports: [] }, empty.path);
  }
}

function isInterface(name: string): boolean {
  const lines = readFileSync('/proc/self/net/dev', 'latin1').split('\n');
  return lines.some((line) => line.trimStart().startsWith(`${name}:`));
}

async function rejoin(network: LockedBridge, lease: Lease, namespace: string): Promise<void> {
  const state = readState(network.folder, network.bridge);
  if (state !== undefined) await netavarkSetup(network.host, describeNetwork(network, state), lease, namespace);
}

function describeNetwork({ folder, lock }: LockedBridge, state: NetworkState): NetavarkNetwork {
  const { bridge, subnet, network } = state;
  const configFolder = configFolderOf({ folder, bridge, ...(network !== undefined && { network }) });
  return {
    lock,
    configFolder,
    bridge,
    subnet,
    mtu: network?.mtu ?? uplinkMtu(),
    ...(network !== undefined && { network }),
  };
}

/** Networks with names share one: a single name server answers for all networks of whoever asks. */
function configFolderOf({ folder, bridge, network }: Pick<Bridge, 'folder' | 'bridge' | 'network'>): string {
  return network === undefined ? `${folder}/${bridge}.netavark` : `${folder}/named.netavark`;
}

/** The MTU of the interface with the default route: a larger one inside would need every packet to be cut. */
function uplinkMtu(): number | undefined {
  try {
    const line = readFileSync('/proc/net/route', 'latin1')
      .split('\n')
      .find((text) => text.split('\t')[1] === '00000000');
    const name = line?.split('\t')[0] ?? '';
    if (!/^[\w.@-]{1,15}$/.test(name)) return undefined;
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, 'latin1'));
    return Number.isInteger(mtu) && mtu >= 576 ? mtu : undefined;
  } catch {
    return undefined;
  }
}

/** A container's place on the bridge. */
export class BridgeAttachment implements NetworkAttachment {
  readonly namespace: { readonly kind: 'path'; readonly path: string };
  readonly files: NetworkAttachment['files'];
  readonly env: readonly string[] = [];
  readonly addresses: readonly string[];
  readonly gateway: string;
  readonly macAddress: string;
  readonly ports: readonly PublishedPort[];
  readonly #network: Bridge;
  readonly #lease: Lease;
  readonly #namespace: NetworkNamespace;
  #given: Promise<void> | undefined;

  constructor(network: Bridge, request: NetworkRequest, namespace: NetworkNamespace, joined: Joined) {
    const { state, lease, macAddress } = joined;
    this.#network = network;
    this.#lease = lease;
    this.#namespace = namespace;
    this.namespace = { kind: 'path', path: namespace.path };
    this.gateway = gatewayOf(state.subnet);
    this.addresses = [`${lease.address}/${state.subnet.prefix}`];
    this.macAddress = macAddress ?? '';
    this.ports = lease.ports;
    this.files = {
      resolvConf: resolvConfFor(request),
      hosts: hostsFile(request, [lease.address], request.extraHosts, this.gateway),
      hostname: `${request.hostname}\n`,
    };
  }

  handOver(): Promise<void> {
    this.#given ??= this.#giveToContainer();
    return this.#given;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#given ??= this.#giveBack();
    return this.#given;
  }

  async #giveToContainer(): Promise<void> {
    const { folder, bridge } = this.#network;
    await withNetworkLock(folder, async () => {
      const state = readState(folder, bridge);
      if (state === undefined) return;
      const mine = (lease: Lease): boolean => lease.address === this.#lease.address && lease.id === this.#lease.id;
      const leases = state.leases.map((lease): Lease => (mine(lease) ? { ...lease, kind: 'container' } : lease));
      writeState(folder, { ...state, leases });
    });
    this.#namespace[Symbol.dispose]();
  }

  async #giveBack(): Promise<void> {
    await leaveTogether(this.#network, [this]);
  }

  /** For leaveTogether: what is given back. */
  leaving(): Leaving {
    return { lease: this.#lease, namespace: this.#namespace.descriptor };
  }

  /** For leaveTogether: the namespace is not ours any more. */
  drop(): void {
    this.#namespace[Symbol.dispose]();
  }
}

/**
 * Gives back the places of several containers at once: they are taken off in the background (see leaveInBackground).
 * Resolves when that is under way; whoever attaches to a bridge next waits for its end.
 */
export async function leaveTogether(network: Bridge, attachments: readonly BridgeAttachment[]): Promise<void> {
  try {
    await withNetworkLock(network.folder, async (lock) => {
      const state = readState(network.folder, network.bridge);
      if (state === undefined) return;
      const leaving = attachments.map((attachment) => attachment.leaving());
      const isLeaving = (lease: Lease): boolean =>
        leaving.some((one) => one.lease.address === lease.address && one.lease.id === lease.id);
      const leases = state.leases.filter((lease) => !isLeaving(lease));
      const orphaned = state.leases.map((lease): Lease => (isLeaving(lease) ? { ...lease, owner: NOBODY } : lease));
      writeState(network.folder, { ...state, leases: orphaned });
      await leaveInBackground(network.host, {
        network: describeNetwork({ ...network, lock }, state),
        leaving,
        stateFile: stateFileOf(network.folder, network.bridge),
        after: leases.length > 0 ? { ...state, leases } : undefined,
        lock,
      });
    });
  } finally {
    for (const attachment of attachments) attachment.drop();
  }
}

/** Whose leases the next sweep takes. */
const NOBODY: Owner = { bootId: 'none', pid: 0, startTime: 'none' };

export interface ReleaseReport {
  readonly released: readonly string[];
  readonly left: readonly { readonly what: string; readonly why: string }[];
}

/**
 * Gives back the leases that `isDead` names, on every bridge of a run folder. Their namespaces are gone with their last
 * process; the rules are taken off with an empty one in their place. Idempotent.
 */
export async function releaseLeases(
  host: RuntimeHost,
  folder: string,
  isDead: (lease: Lease) => boolean,
): Promise<ReleaseReport> {
  const released: string[] = [];
  const left: { what: string; why: string }[] = [];
  for (const bridge of bridgesIn(folder)) {
    // Looked at without the lock first: nearly always there is nothing to do.
    if (readState(folder, bridge)?.leases.some(isDead) !== true) continue;
    await withNetworkLock(folder, async (lock) => {
      const network = { host, folder, bridge, lock };
      for (const lease of readState(folder, bridge)?.leases.filter(isDead) ?? []) {
        using empty = makeNetworkNamespace();
        try {
          // netavark takes nothing off a namespace that lacks the interface; putting it on again costs 60 ms.
          await rejoin(network, lease, empty.path);
          await leaveBridge(network, lease, empty.path);
          released.push(lease.id);
        } catch (error) {
          left.push({ what: `network of ${lease.id}`, why: messageOf(error) });
        }
      }
    });
  }
  return { released, left };
}

/** A lease whose process has ended. */
export function isOrphan(lease: Lease): boolean {
  return lease.kind === 'process' && !isAlive(lease.owner);
}

function bridgesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
