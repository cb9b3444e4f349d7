import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import {
  connectNetwork,
  containerNetwork,
  defaultBridgeOf,
  defaultNetwork,
  disconnectNetwork,
  endpointsOf,
  hostNetwork,
  joinedNetworks,
  type NetworkEndpoint,
  type NetworkProvider,
  noNetwork,
  type RunningContainer,
} from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { EndpointRequest, Network } from '../network-types.ts';
import { bridgeOf, definitionOf, inspectNetwork, requireBridges } from '../networks.ts';
import type { RunRequest } from '../types.ts';
import { networkFolder } from '../workshop.ts';
import { type ContainerSetup, formatSetup, parseSetup } from './record.ts';
import { detachedOf, processOf } from './state.ts';

/** The networks that a request names, the first of which is docker's network mode. */
export function endpointsAsked(
  request: Pick<RunRequest, 'network' | 'networks'> | undefined,
): readonly EndpointRequest[] {
  const { networks = [], network = 'bridge' } = request ?? {};
  return networks.length > 0 ? networks : [{ name: network }];
}

/** The container whose network is used, where one is. */
export function sharedNetworkOf(request: Pick<RunRequest, 'network' | 'networks'>): string | undefined {
  return /^container:(.+)$/.exec(endpointsAsked(request)[0]?.name ?? '')?.[1];
}

export function isInHostNetwork(request: Pick<RunRequest, 'network' | 'networks'>): boolean {
  return endpointsAsked(request)[0]?.name === 'host';
}

/** As it is kept: another container by its id, which stays when its name is changed. @throws CONTAINER_NOT_FOUND */
export async function withDonorById({ store }: EngineContext, request: RunRequest): Promise<RunRequest> {
  const donor = sharedNetworkOf(request);
  if (donor === undefined) return request;
  const [first, ...more] = endpointsAsked(request);
  const { id } = await store.containers.get(donor);
  return { ...request, networks: [{ ...first, name: `container:${id}` }, ...more] };
}

/** Its host name: that of the container whose network it has, that of the machine in the machine's network. */
export async function hostNameOf(
  context: EngineContext,
  { id, request }: { readonly id: string; readonly request: RunRequest },
): Promise<string> {
  if (request.hostname !== undefined) return request.hostname;
  if (isInHostNetwork(request)) return hostname();
  const donor = sharedNetworkOf(request);
  if (donor === undefined) return id.slice(0, 12);
  const record = await context.store.containers.get(donor);
  return hostNameOf(context, { id: record.id, request: parseSetup(record).request });
}

/** Alone or not at all: these three are no places on a network. @throws NETWORK_CONFLICT */
function checkTogether(asked: readonly EndpointRequest[]): void {
  const alone = asked.find(({ name }) => isAlone(name));
  if (alone !== undefined && asked.length > 1) {
    throw new ShaleError('NETWORK_CONFLICT', `the network ${alone.name} cannot be had beside another one`);
  }
}

function isAlone(name: string): boolean {
  return name === 'host' || name === 'none' || name.startsWith('container:');
}

/**
 * What can be said of a request's networks before anything is made.
 * @throws NETWORK_NOT_FOUND, NETWORK_CONFLICT
 */
export async function checkNetworks(context: EngineContext, request: RunRequest): Promise<void> {
  const asked = endpointsAsked(request);
  checkTogether(asked);
  if (request.networks === undefined) return;
  for (const endpoint of asked.filter(({ name, ...more }) => !isAlone(name) || Object.keys(more).length > 0)) {
    if (endpoint.name.startsWith('container:')) continue;
    endpointOf(await inspectNetwork(context, endpoint.name), endpoint, { id: '', name: '' });
  }
}

/**
 * The network of a container at this start.
 * @throws NETWORK_NOT_FOUND, NETWORK_CONFLICT, CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING
 */
export async function networkOf(
  context: EngineContext,
  request: RunRequest,
  container: { readonly id: string; readonly name: string },
): Promise<NetworkProvider> {
  const asked = endpointsAsked(request);
  const [first] = asked;
  const donor = sharedNetworkOf(request);
  checkTogether(asked);
  const folder = networkFolder(context);
  if (donor !== undefined) return containerNetwork(await sharedFrom(context, donor));
  if (first?.name === 'none') return noNetwork;
  if (first?.name === 'host') return hostNetwork;
  if (asked.length === 1 && first?.name === 'bridge' && Object.keys(first).length === 1)
    return defaultNetwork({ folder });
  requireBridges();
  const endpoints: NetworkEndpoint[] = [];
  for (const endpoint of asked) {
    endpoints.push(
      endpointOf(await inspectNetwork(context, endpoint.name), endpoint, { ...container, ...namesIn(request) }),
    );
  }
  return joinedNetworks({ folder }, endpoints);
}

function namesIn({ hostname, domainname }: RunRequest): Pick<NetworkEndpoint, 'hostname' | 'domainname'> {
  return { ...(hostname !== undefined && { hostname }), ...(domainname !== undefined && { domainname }) };
}

/** @throws NETWORK_CONFLICT for what the default bridge does not do, as docker's */
function endpointOf(
  network: Network,
  asked: EndpointRequest,
  container: Pick<NetworkEndpoint, 'hostname' | 'domainname'> & { readonly id: string; readonly name: string },
): NetworkEndpoint {
  const { aliases = [], address, address6, macAddress } = asked;
  const { id, name, ...names } = container;
  const definition = definitionOf(network);
  const refused = (what: string): ShaleError =>
    new ShaleError('NETWORK_CONFLICT', `${what} is for networks that were made by name, not for ${network.name}`, {
      hint: 'shale network create NAME',
    });
  if (network.driver !== 'bridge') throw refused('to connect');
  if (definition === undefined && aliases.length > 0) throw refused('an alias');
  if (definition === undefined && (address ?? address6) !== undefined) throw refused('an address');
  if (address6 !== undefined && definition?.subnet6 === undefined) {
    throw new ShaleError('NETWORK_ADDRESS_INVALID', `the network ${network.name} has no IPv6`);
  }
  return {
    names: [name, ...aliases, id.slice(0, 12)],
    ...names,
    ...(definition !== undefined && { network: definition }),
    ...(address !== undefined && { address }),
    ...(address6 !== undefined && { address6 }),
    ...(macAddress !== undefined && { macAddress }),
  };
}

async function sharedFrom(context: EngineContext, name: string): Promise<Parameters<typeof containerNetwork>[0]> {
  const pid = await processOf(context, name);
  const record = await context.store.containers.get(name);
  const bundle = bundleOf(context, record);
  const file = (file: string): string => readFileSync(join(bundle, file), 'utf8');
  return { pid, files: { resolvConf: file('resolv.conf'), hosts: file('hosts'), hostname: file('hostname') } };
}

/** Where the runtime keeps the files that it mounts into a container (docs/formats/run-folder.md). */
function bundleOf(context: EngineContext, { id }: ContainerRecord): string {
  return join(context.store.containers.folder(id), 'bundle');
}

/** `shale network connect`. @throws CONTAINER_NOT_FOUND, NETWORK_NOT_FOUND, NETWORK_CONFLICT, NETWORK_CONNECTED */
export async function connectContainer(context: EngineContext, name: string, asked: EndpointRequest): Promise<void> {
  requireBridges();
  const record = await context.store.containers.get(name);
  const setup = parseSetup(record);
  const network = await inspectNetwork(context, asked.name);
  const before = endpointsAsked(setup.request);
  refuseAlone(before, network.name);
  const endpoint = endpointOf(network, asked, {
    id: record.id,
    name: record.name,
    ...namesIn(setup.request),
  });
  if (before.some((one) => one.name === network.name || one.name === network.id)) {
    throw new ShaleError('NETWORK_CONNECTED', `the container ${record.name} is on the network ${network.name} already`);
  }
  const running = runningOf(context, record, setup);
  if (running !== undefined) await connectNetwork({ folder: networkFolder(context) }, running, endpoint);
  await keepNetworks(context, record.id, (networks) => [...networks, { ...asked, name: network.name }]);
}

/** `shale network disconnect`. @throws CONTAINER_NOT_FOUND, NETWORK_NOT_FOUND, NETWORK_NOT_CONNECTED */
export async function disconnectContainer(context: EngineContext, name: string, from: string): Promise<void> {
  const record = await context.store.containers.get(name);
  const setup = parseSetup(record);
  const network = await inspectNetwork(context, from);
  const before = endpointsAsked(setup.request);
  refuseAlone(before, network.name);
  if (!before.some((one) => one.name === network.name || one.name === network.id)) {
    throw new ShaleError('NETWORK_NOT_CONNECTED', `the container ${record.name} is not on the network ${network.name}`);
  }
  const running = runningOf(context, record, setup);
  if (running !== undefined)
    await disconnectNetwork({ folder: networkFolder(context) }, running, definitionOf(network));
  await keepNetworks(context, record.id, (networks) => {
    const left = networks.filter((one) => one.name !== network.name && one.name !== network.id);
    return left.length > 0 ? left : [{ name: 'none' }];
  });
}

function refuseAlone(networks: readonly EndpointRequest[], name: string): void {
  const alone = networks.find((one) => one.name === 'host' || one.name.startsWith('container:'));
  if (alone !== undefined) {
    throw new ShaleError('NETWORK_CONFLICT', `a container with the network ${alone.name} has no place on ${name}`);
  }
}

function runningOf(
  context: EngineContext,
  record: ContainerRecord,
  setup: ContainerSetup,
): RunningContainer | undefined {
  if (!setup.detached) return undefined;
  const state = detachedOf(context, record).state();
  return state.kind === 'running' ? { id: record.id, pid: state.pid, bundle: bundleOf(context, record) } : undefined;
}

async function keepNetworks(
  context: EngineContext,
  id: string,
  change: (networks: readonly EndpointRequest[]) => readonly EndpointRequest[],
): Promise<void> {
  await context.store.containers.update(id, (record) => {
    const setup = parseSetup(record);
    const before = endpointsAsked(setup.request).filter(({ name }) => name !== 'none');
    return { config: formatSetup({ ...setup, request: { ...setup.request, networks: change(before) } }) };
  });
}

/** docker's `NetworkSettings.Networks`. */
export async function networksJson(
  context: EngineContext,
  record: ContainerRecord,
  request: RunRequest | undefined,
): Promise<Record<string, unknown>> {
  const folder = networkFolder(context);
  const entries: [string, unknown][] = [];
  for (const asked of endpointsAsked(request)) {
    if (asked.name.startsWith('container:')) continue;
    const network = await inspectNetwork(context, asked.name).catch(() => undefined);
    const bridge = network === undefined ? '' : network.predefined ? defaultBridgeOf(folder) : bridgeOf(network);
    const [place] = network?.driver === 'bridge' ? endpointsOf({ folder }, record.id, [bridge]) : [];
    const { aliases = [], address, address6 } = asked;
    entries.push([
      network?.name ?? asked.name,
      {
        IPAMConfig:
          address === undefined && address6 === undefined
            ? null
            : {
                ...(address !== undefined && { IPv4Address: address }),
                ...(address6 !== undefined && { IPv6Address: address6 }),
              },
        Links: null,
        Aliases: aliases.length > 0 ? aliases : null,
        MacAddress: place?.macAddress ?? '',
        DriverOpts: null,
        GwPriority: 0,
        NetworkID: place === undefined ? '' : (network?.id ?? ''),
        EndpointID: '',
        Gateway: place?.gateway ?? '',
        IPAddress: place?.address ?? '',
        IPPrefixLen: place?.prefix ?? 0,
        IPv6Gateway: place?.gateway6 ?? '',
        GlobalIPv6Address: place?.address6 ?? '',
        GlobalIPv6PrefixLen: place?.prefix6 ?? 0,
        DNSNames: network?.predefined === false ? [record.name, ...aliases, record.id.slice(0, 12)] : null,
      },
    ]);
  }
  return Object.fromEntries(entries);
}
