import { readFileSync, writeFileSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import { type Bridge, joinBridge, leaveBridge, openBridge, readBridge } from './bridge.ts';
import { gatewayIn, type Lease, type NetworkState, prefixIn, withNetworkLock, writeState } from './leases.ts';
import { makeNetworkNamespace, type NetworkNamespace } from './netns.ts';
import { resolvConfFor } from './networks-basic.ts';
import { hostsFile, ownHostsLine, resolvConfWith } from './resolv.ts';
import type {
  EndpointAddresses,
  NetworkAttachment,
  NetworkDefinition,
  NetworkEndpoint,
  NetworkProvider,
  NetworkRequest,
  PublishedPort,
} from './types.ts';

/** Where the leases and locks of a run folder are. */
export interface NetworkFolder {
  /** `networks` of the run folder. */
  readonly folder: string;
}

/** Containers on the default bridge (a place without a definition) and on networks of their own, several at once. */
export function joinedNetworks(options: NetworkFolder, endpoints: readonly NetworkEndpoint[]): NetworkProvider {
  return { kind: 'custom', attach: (request) => attach(options.folder, endpoints, request) };
}

interface Place {
  readonly bridge: Bridge;
  readonly state: NetworkState;
  readonly lease: Lease;
  readonly macAddress: string;
}

async function attach(
  folder: string,
  endpoints: readonly NetworkEndpoint[],
  request: NetworkRequest,
): Promise<NetworkAttachment> {
  const namespace = makeNetworkNamespace(request.sysctls);
  try {
    const places = await withNetworkLock(folder, (lock) =>
      joinAll({ folder, lock }, endpoints, { request, namespace }),
    );
    return new JoinedAttachment(folder, places, { request, namespace });
  } catch (error) {
    namespace[Symbol.dispose]();
    throw error;
  }
}

interface Joining {
  readonly request: NetworkRequest;
  readonly namespace: NetworkNamespace;
}

async function joinAll(
  { folder, lock }: { readonly folder: string; readonly lock: number },
  endpoints: readonly NetworkEndpoint[],
  { request, namespace }: Joining,
): Promise<Place[]> {
  const places: Place[] = [];
  try {
    for (const [index, endpoint] of endpoints.entries()) {
      const bridge = openBridge({ folder, ...(endpoint.network !== undefined && { network: endpoint.network }) });
      // Published ports lead to the first network that reaches outside.
      const isFirst = endpoints.findIndex(({ network }) => network?.internal !== true) === index;
      const wish = { id: request.id, ports: isFirst ? request.ports : [], endpoint, interfaceName: `eth${index}` };
      const { state, lease, macAddress = '' } = await joinBridge({ ...bridge, lock }, wish, namespace.path);
      places.push({ bridge, state, lease, macAddress });
    }
    return places;
  } catch (error) {
    for (const { bridge, lease } of places.toReversed()) {
      await leaveBridge({ ...bridge, lock }, lease, namespace.path).catch(() => {});
    }
    throw error;
  }
}

class JoinedAttachment implements NetworkAttachment {
  readonly namespace: { readonly kind: 'path'; readonly path: string };
  readonly files: NetworkAttachment['files'];
  readonly env: readonly string[] = [];
  readonly addresses: readonly string[];
  readonly gateway?: string;
  readonly macAddress: string;
  readonly ports: readonly PublishedPort[];
  readonly #folder: string;
  readonly #places: readonly Place[];
  readonly #namespace: NetworkNamespace;
  #given: Promise<void> | undefined;

  constructor(folder: string, places: readonly Place[], { request, namespace }: Joining) {
    this.#folder = folder;
    this.#places = places;
    this.#namespace = namespace;
    this.namespace = { kind: 'path', path: namespace.path };
    this.addresses = places.flatMap(({ state, lease }) => addressesOf(state, lease));
    this.macAddress = places[0]?.macAddress ?? '';
    this.ports = places.flatMap(({ lease }) => lease.ports);
    const outside = places.find(({ state }) => state.network?.internal !== true);
    if (outside !== undefined) this.gateway = gatewayIn(outside.state);
    this.files = {
      resolvConf: resolvConfWith(resolvConfFor(request), resolversOf(places.map(({ state }) => state)), request.dns),
      hosts: hostsFile(
        request,
        places.flatMap(({ lease }) => [lease.address, ...(lease.address6 === undefined ? [] : [lease.address6])]),
        request.extraHosts,
        this.gateway,
      ),
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
    await withNetworkLock(this.#folder, async () => {
      for (const { bridge, lease } of this.#places) {
        const state = readBridge(bridge);
        if (state === undefined) continue;
        const leases = state.leases.map((other): Lease =>
          isSame(other, lease) ? { ...other, kind: 'container' } : other,
        );
        writeState(bridge.folder, { ...state, leases });
      }
    });
    this.#namespace[Symbol.dispose]();
  }

  async #giveBack(): Promise<void> {
    try {
      await withNetworkLock(this.#folder, async (lock) => {
        for (const { bridge, lease } of this.#places.toReversed()) {
          await leaveBridge({ ...bridge, lock }, lease, this.#namespace.path);
        }
      });
    } finally {
      this.#namespace[Symbol.dispose]();
    }
  }
}

function isSame(a: Lease, b: Lease): boolean {
  return a.address === b.address && a.id === b.id;
}

function addressesOf(state: NetworkState, lease: Lease): string[] {
  const six = state.network?.subnet6?.subnet.split('/')[1] ?? '64';
  return [`${lease.address}/${prefixIn(state)}`, ...(lease.address6 === undefined ? [] : [`${lease.address6}/${six}`])];
}

/** The name server of a network is at its gateway, and answers for all networks of whoever asks. */
function resolversOf(states: readonly NetworkState[]): string[] {
  return states.filter(({ network }) => network?.dns === true).map(gatewayIn);
}

/** A running container, as networks know it. */
export interface RunningContainer {
  readonly id: string;
  /** A process in its network namespace. */
  readonly pid: number;
  /** The folder of its `resolv.conf` and `hosts`, which are mounted into it. */
  readonly bundle: string;
}

/**
 * Puts a running container on one more network.
 * @throws NETWORK_CONNECTED when it is on it, NETWORK_FULL, NETWORK_ADDRESS_INVALID, NETWORK_SETUP_FAILED
 */
export async function connectNetwork(
  { folder }: NetworkFolder,
  container: RunningContainer,
  endpoint: NetworkEndpoint,
): Promise<void> {
  const bridge = openBridge({ folder, ...(endpoint.network !== undefined && { network: endpoint.network }) });
  await withNetworkLock(folder, async (lock) => {
    if (readBridge(bridge)?.leases.some(({ id }) => id === container.id) === true) {
      throw new ShaleError('NETWORK_CONNECTED', 'the container is on this network already');
    }
    const namespace = `/proc/${container.pid}/ns/net`;
    const wish = { id: container.id, ports: [], endpoint, interfaceName: freeInterface(container.pid) };
    const { state, lease } = await joinBridge({ ...bridge, lock }, wish, namespace);
    const leases = state.leases.map((other): Lease => (isSame(other, lease) ? { ...other, kind: 'container' } : other));
    writeState(folder, { ...state, leases });
    const own = ownHostsLine(lease.address, { hostname: container.id.slice(0, 12), ...endpoint });
    rewrite(`${container.bundle}/hosts`, (text) => text + own);
    rewrite(`${container.bundle}/resolv.conf`, (text) => resolvConfWith(text, resolversOf([state]), {}));
  });
}

/** Takes a running container off a network. @throws NETWORK_NOT_CONNECTED */
export async function disconnectNetwork(
  { folder }: NetworkFolder,
  container: RunningContainer,
  network: NetworkDefinition | undefined,
): Promise<void> {
  const bridge = openBridge({ folder, ...(network !== undefined && { network }) });
  await withNetworkLock(folder, async (lock) => {
    const state = readBridge(bridge);
    const lease = state?.leases.find(({ id }) => id === container.id);
    if (state === undefined || lease === undefined) {
      throw new ShaleError('NETWORK_NOT_CONNECTED', 'the container is not on this network');
    }
    await leaveBridge({ ...bridge, lock }, lease, `/proc/${container.pid}/ns/net`);
    rewrite(`${container.bundle}/hosts`, (text) => withoutLines(text, (line) => line.startsWith(`${lease.address}\t`)));
    const gone = resolversOf([state]).map((server) => `nameserver ${server}`);
    rewrite(`${container.bundle}/resolv.conf`, (text) => withoutLines(text, (line) => gone.includes(line)));
  });
}

/** The first of eth0, eth1, … that the namespace does not have. */
function freeInterface(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'latin1');
  for (let index = 0; ; index++) if (!new RegExp(`^ *eth${index}:`, 'm').test(lines)) return `eth${index}`;
}

/** In its place: the container has this very file mounted. */
function rewrite(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

function withoutLines(text: string, isGone: (line: string) => boolean): string {
  return text
    .split('\n')
    .filter((line) => !isGone(line))
    .join('\n');
}

/** Where a container is on its networks now, by the bridges' interfaces. */
export function endpointsOf({ folder }: NetworkFolder, id: string, bridges: readonly string[]): EndpointAddresses[] {
  return bridges.flatMap((name) => {
    const state = readBridge({ folder, bridge: name });
    const lease = state?.leases.find((other) => other.id === id);
    return state === undefined || lease === undefined ? [] : [{ bridge: name, ...endpointOf(state, lease) }];
  });
}

/** Who is on a network now. */
export function containersOn(
  { folder }: NetworkFolder,
  bridge: string,
): (EndpointAddresses & { readonly id: string })[] {
  const state = readBridge({ folder, bridge });
  return (state?.leases ?? []).flatMap((lease) =>
    state === undefined || lease.id.startsWith('pool-') ? [] : [{ id: lease.id, bridge, ...endpointOf(state, lease) }],
  );
}

function endpointOf(state: NetworkState, lease: Lease): Omit<EndpointAddresses, 'bridge'> {
  return {
    address: lease.address,
    prefix: prefixIn(state),
    gateway: state.network?.internal === true ? '' : gatewayIn(state),
    macAddress: lease.macAddress ?? '',
    ...(lease.address6 !== undefined && { address6: lease.address6 }),
    ...(state.network?.subnet6 !== undefined && {
      prefix6: Number(state.network.subnet6.subnet.split('/')[1]),
      gateway6: state.network.subnet6.gateway,
    }),
  };
}
