import { createHash } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { ambiguous, isSystemError, JsonReader, parseJson, randomOf, ShaleError, typedName } from '../base/index.ts';
import {
  containersOn,
  defaultBridgeOf,
  findNamedSubnet,
  findNameServer,
  formatSubnet,
  hasBridges,
  type NetworkDefinition,
  overlaps,
  parseAddress,
  parseRange,
  type Subnet,
  usedRanges,
} from '../runtime/index.ts';
import type { EngineContext } from './context.ts';
import type { CreateNetworkRequest, Network, NetworkMember, NetworkSubnet } from './network-types.ts';
import { makeWorkFolder } from './work-folders.ts';
import { networkFolder } from './workshop.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
const BRIDGE_NAME = 'com.docker.network.bridge.name';
const MTU = 'com.docker.network.driver.mtu';
const PREDEFINED = ['bridge', 'host', 'none'] as const;

/** What `networks/NAME.json` holds. */
interface Stored {
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  readonly internal: boolean;
  readonly subnets: readonly NetworkSubnet[];
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
}

/**
 * What has to do with networks that several containers share.
 * @throws NETWORK_NEEDS_ROOT
 */
export function requireBridges(): void {
  if (hasBridges()) return;
  throw new ShaleError('NETWORK_NEEDS_ROOT', 'networks that containers share, and fixed addresses, need root', {
    hint: 'without root each container has a network of its own (the default), or --network host, none, container:NAME',
  });
}

/** @throws NETWORK_EXISTS, NETWORK_INVALID, NETWORK_FULL, NETWORK_NEEDS_ROOT */
export async function createNetwork(context: EngineContext, request: CreateNetworkRequest): Promise<Network> {
  requireBridges();
  const { name } = request;
  if (!NAME.test(name)) throw invalid(`${typedName(name)} is no name of a network`);
  if (PREDEFINED.some((one) => one === name)) throw exists(name);
  const others = await readAll(context);
  if (others.some((other) => other.name === name)) throw exists(name);
  const stored: Stored = {
    id: randomOf(32).toString('hex'),
    name,
    createdMs: context.options.now(),
    internal: request.internal,
    subnets: chooseSubnets(request, others),
    labels: request.labels,
    options: checkOptions(request.options, others),
  };
  await using work = await makeWorkFolder(context.store);
  const staged = join(work.path, 'network.json');
  writeFileSync(staged, JSON.stringify(stored), { mode: 0o600, flush: true });
  try {
    // Whole or not at all, and never over another one.
    linkSync(staged, join(await context.store.folder('networks'), `${name}.json`));
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) throw exists(name);
    throw error;
  }
  await context.store.events.append({ type: 'network', action: 'create', subject: stored.id, attributes: { name } });
  return describe(context, stored, new Map());
}

function exists(name: string): ShaleError {
  return new ShaleError('NETWORK_EXISTS', `there is a network ${name} already`, { data: { name } });
}

function invalid(why: string): ShaleError {
  return new ShaleError('NETWORK_INVALID', why);
}

function checkOptions(options: Readonly<Record<string, string>>, others: readonly Stored[]): Stored['options'] {
  for (const [key, value] of Object.entries(options)) {
    if (key === MTU) {
      if (!/^\d{2,5}$/.test(value)) throw invalid(`the MTU ${JSON.stringify(value)} is not a number of bytes`);
    } else if (key === BRIDGE_NAME) {
      if (!/^[a-zA-Z0-9][\w.-]{0,14}$/.test(value))
        throw invalid(`${JSON.stringify(value)} is no name of an interface`);
      if (others.some((other) => other.options[BRIDGE_NAME] === value)) {
        throw invalid(`another network has the interface ${value}`);
      }
    } else throw invalid(`there is no option ${JSON.stringify(key)}, only ${BRIDGE_NAME} and ${MTU}`);
  }
  return options;
}

/** One subnet of IPv4, and one of IPv6 where that is wanted; chosen where none is given. */
function chooseSubnets(request: CreateNetworkRequest, others: readonly Stored[]): NetworkSubnet[] {
  const isSix = ({ subnet }: NetworkSubnet): boolean => subnet.includes(':');
  const fours = request.subnets.filter((one) => !isSix(one));
  const sixes = request.subnets.filter(isSix);
  if (fours.length > 1 || sixes.length > 1) throw invalid('a network has one subnet of each kind of address');
  if (sixes.length > 0 && !request.ipv6) throw invalid('a subnet of IPv6 needs --ipv6');
  const taken = others.flatMap(({ subnets }) => subnets.flatMap(({ subnet }) => parseRange(subnet) ?? []));
  const [asked] = fours;
  const four = asked === undefined ? { subnet: formatSubnet(findNamedSubnet(taken, hostResolvConf())) } : asked;
  if (asked !== undefined) checkFour(asked, [...taken, ...usedRanges(hostResolvConf())]);
  if (!request.ipv6) return [four];
  const six = sixes[0] ?? { subnet: uniqueLocal() };
  return [four, checkSix(six, others)];
}

function checkFour({ subnet, gateway, range }: NetworkSubnet, used: readonly Subnet[]): void {
  const own = cidr(subnet);
  const clash = used.find((other) => overlaps(own, other));
  if (clash !== undefined) throw invalid(`the subnet ${subnet} overlaps ${formatSubnet(clash)}, which is in use`);
  const value = gateway === undefined ? own.base + 1 : parseAddress(gateway);
  if (value === undefined || value <= own.base || value >= own.base + 2 ** (32 - own.prefix) - 1) {
    throw invalid(`the gateway ${gateway} is not an address of ${subnet}`);
  }
  const inner = range === undefined ? own : cidr(range);
  if (inner.prefix < own.prefix || !overlaps(own, inner)) throw invalid(`the range ${range} is not in ${subnet}`);
}

/** A network's own address with its prefix length, with room for a gateway and a container. */
function cidr(text: string): Subnet {
  const range = parseRange(text);
  const isBase = range !== undefined && formatSubnet(range) === text;
  if (range === undefined || !isBase || range.prefix > 29)
    throw invalid(`${JSON.stringify(text)} is no subnet, as 10.1.0.0/24`);
  return range;
}

function checkSix(six: NetworkSubnet, others: readonly Stored[]): NetworkSubnet {
  const [address = '', prefix = ''] = six.subnet.split('/');
  if (!isIPv6(address) || !/^\d{1,3}$/.test(prefix) || Number(prefix) < 16 || Number(prefix) > 112) {
    throw invalid(`${JSON.stringify(six.subnet)} is no subnet of IPv6, as fd00:1::/64`);
  }
  if (!address.endsWith('::')) throw invalid(`the subnet ${six.subnet} must end in ::`);
  if (others.some(({ subnets }) => subnets.some(({ subnet }) => subnet === six.subnet))) {
    throw invalid(`the subnet ${six.subnet} is that of another network`);
  }
  const gateway = six.gateway ?? `${address}1`;
  if (!isIPv6(gateway)) throw invalid(`the gateway ${gateway} is not an address`);
  return { ...six, gateway };
}

/** RFC 4193: random, so that no two machines have the same. */
function uniqueLocal(): string {
  const hex = randomOf(7).toString('hex');
  return `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}:${hex.slice(10, 14)}::/64`;
}

/** Every network, those that are always there first. */
export async function listNetworks(context: EngineContext): Promise<Network[]> {
  const names = await namesOf(context);
  const stored = (await readAll(context)).map((one) => describe(context, one, names));
  return [...PREDEFINED.map((name) => predefined(context, name, names)), ...stored];
}

/** By name, id, or unique beginning of an id. @throws NETWORK_NOT_FOUND, NAME_AMBIGUOUS */
export async function inspectNetwork(context: EngineContext, name: string): Promise<Network> {
  const all = await listNetworks(context);
  const exact = all.find((one) => one.name === name) ?? all.find((one) => one.id === name);
  if (exact !== undefined) return exact;
  const begun = /^[0-9a-f]+$/.test(name) ? all.filter((one) => one.id.startsWith(name)) : [];
  if (begun.length > 1)
    throw ambiguous(
      'network',
      name,
      begun.map((one) => `${one.id.slice(0, 12)} (${one.name})`),
    );
  const [found] = begun;
  if (found !== undefined) return found;
  throw new ShaleError('NETWORK_NOT_FOUND', `there is no network ${typedName(name)}`, {
    data: { name },
    hint: 'shale network ls',
  });
}

/** @throws NETWORK_NOT_FOUND, NETWORK_IN_USE, NETWORK_PREDEFINED */
export async function removeNetwork(context: EngineContext, name: string): Promise<void> {
  const network = await inspectNetwork(context, name);
  if (network.predefined) {
    throw new ShaleError('NETWORK_PREDEFINED', `the network ${network.name} is always there and cannot be removed`);
  }
  const [user] = network.containers;
  if (user !== undefined) {
    throw new ShaleError('NETWORK_IN_USE', `the network ${network.name} is in use by container ${user.name}`, {
      data: { name: network.name },
      hint: `shale network disconnect ${network.name} ${user.name}`,
    });
  }
  rmSync(join(await context.store.folder('networks'), `${network.name}.json`), { force: true });
  const attributes = { name: network.name };
  await context.store.events.append({ type: 'network', action: 'destroy', subject: network.id, attributes });
}

export async function pruneNetworks(context: EngineContext, matches: (network: Network) => boolean): Promise<string[]> {
  const removed: string[] = [];
  for (const network of await listNetworks(context)) {
    if (network.predefined || network.containers.length > 0 || !matches(network)) continue;
    await removeNetwork(context, network.name);
    removed.push(network.name);
  }
  return removed;
}

/** What the runtime needs of a network with a name; undefined for the default bridge. */
export function definitionOf(network: Network): NetworkDefinition | undefined {
  if (network.predefined) return undefined;
  const four = network.subnets.find(({ subnet }) => !subnet.includes(':'));
  const six = network.subnets.find(({ subnet }) => subnet.includes(':'));
  const subnet = parseRange(four?.subnet ?? '');
  if (subnet === undefined) throw new ShaleError('STORE_DAMAGED', `the network ${network.name} has no subnet`);
  const range = four?.range === undefined ? undefined : parseRange(four.range);
  const mtu = network.options[MTU];
  return {
    id: network.id,
    name: network.name,
    bridge: bridgeOf(network),
    subnet,
    internal: network.internal,
    dns: findNameServer() !== undefined,
    ...(four?.gateway !== undefined && { gateway: four.gateway }),
    ...(range !== undefined && { range }),
    ...(six?.gateway !== undefined && { subnet6: { subnet: six.subnet, gateway: six.gateway } }),
    ...(mtu !== undefined && { mtu: Number(mtu) }),
  };
}

/** The interface of a network on the host; at most 15 characters. */
export function bridgeOf({ id, options }: Pick<Stored, 'id' | 'options'>): string {
  return options[BRIDGE_NAME] ?? `sh-${id.slice(0, 10)}`;
}

async function readAll(context: EngineContext): Promise<Stored[]> {
  const folder = await context.store.folder('networks');
  try {
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    return files.toSorted().map((file) => readStored(join(folder, file), file));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** @throws STORE_DAMAGED when the file is not one of ours */
function readStored(path: string, file: string): Stored {
  const what = `the network in ${file}`;
  const fields = new JsonReader(parseJson(readFileSync(path), what), what, 'STORE_DAMAGED');
  return {
    id: fields.required('id', fields.string('id')),
    name: fields.required('name', fields.string('name')),
    createdMs: fields.integer('createdMs') ?? 0,
    internal: fields.boolean('internal') ?? false,
    labels: fields.stringMap('labels') ?? {},
    options: fields.stringMap('options') ?? {},
    subnets: (fields.objects('subnets') ?? []).map((one) => {
      const [gateway, range] = [one.string('gateway'), one.string('range')];
      return {
        subnet: one.string('subnet') ?? '',
        ...(gateway !== undefined && { gateway }),
        ...(range !== undefined && { range }),
      };
    }),
  };
}

function describe(context: EngineContext, stored: Stored, names: ReadonlyMap<string, string>): Network {
  return {
    ...stored,
    driver: 'bridge',
    ipv6: stored.subnets.some(({ subnet }) => subnet.includes(':')),
    subnets: stored.subnets.map(withGateway),
    predefined: false,
    containers: membersOf(context, bridgeOf(stored), names),
  };
}

function withGateway(one: NetworkSubnet): NetworkSubnet {
  if (one.gateway !== undefined) return one;
  const [address = ''] = one.subnet.split('/');
  return isIPv4(address) ? { ...one, gateway: address.replace(/\d+$/, (last) => String(Number(last) + 1)) } : one;
}

function predefined(
  context: EngineContext,
  name: (typeof PREDEFINED)[number],
  names: ReadonlyMap<string, string>,
): Network {
  return {
    id: createHash('sha256').update(`shale predefined network ${name}`).digest('hex'),
    name,
    driver: name === 'none' ? 'null' : name,
    createdMs: 0,
    internal: false,
    ipv6: false,
    subnets: [],
    labels: {},
    options: {},
    predefined: true,
    containers: name === 'bridge' ? membersOf(context, defaultBridgeOf(networkFolder(context)), names) : [],
  };
}

function membersOf(context: EngineContext, bridge: string, names: ReadonlyMap<string, string>): NetworkMember[] {
  const members = containersOn({ folder: networkFolder(context) }, bridge);
  return members.flatMap(({ id, address, prefix, macAddress, address6, prefix6 }) => ({
    id,
    name: names.get(id) ?? id.slice(0, 12),
    macAddress,
    address: `${address}/${prefix}`,
    address6: address6 === undefined ? '' : `${address6}/${prefix6 ?? 64}`,
  }));
}

async function namesOf(context: EngineContext): Promise<Map<string, string>> {
  return new Map((await context.store.containers.list()).map(({ id, name }) => [id, name]));
}

function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}
