import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { readFileSync } from 'node:fs';
import { isSystemError, type Owner, ShaleError } from '../base/index.ts';
import { tryLock } from '../sys/index.ts';
import { isOwner, readJson, writeRecord } from './folders.ts';
import type { NetworkDefinition, PublishedPort } from './types.ts';

/** One address of a bridge network and whose it is. */
export interface Lease {
  /** The container's id, or a name of a pool's namespace. */
  readonly id: string;
  readonly address: string;
  readonly ports: readonly PublishedPort[];
  /** `process`: given back when the owner ends. `container`: when the detached container `id` is gone. */
  readonly kind: 'process' | 'container';
  readonly owner: Owner;
  /** On networks with a name; the container's own name first. */
  readonly names?: readonly string[];
  readonly address6?: string;
  /** As asked for, or as it came out. */
  readonly macAddress?: string;
  /** `eth0` when absent. */
  readonly interfaceName?: string;
}

/** What is written: the subnet in use (absent when nobody is on the bridge) and its leases. */
export interface NetworkState {
  readonly bridge: string;
  readonly subnet: Subnet;
  readonly leases: readonly Lease[];
  /** Absent for the default bridge. */
  readonly network?: NetworkDefinition;
}

export interface Subnet {
  /** First address, as a number. */
  readonly base: number;
  readonly prefix: number;
}

const POLL_MS = 3;
const LOCK_TIMEOUT_MS = 60_000;

/** All bridges of a machine share its firewall, whatever run folder they belong to. */
const MACHINE_LOCK = '/run/shale-network.lock';

/**
 * Runs `work` while this process holds the lock of the machine's bridges (of the folder, where the machine's may not be
 * opened). The kernel frees it when its holder ends. It also keeps apart the runs of netavark, which takes the bridge
 * down when it counts no user. A program that `work` hands the descriptor to holds the lock on. @throws NETWORK_BUSY after a minute.
 */
export async function withNetworkLock<T>(folder: string, work: (lock: number) => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const descriptor = openLock(folder);
  try {
    const deadline = performance.now() + LOCK_TIMEOUT_MS;
    while (!tryLock(descriptor, 'exclusive')) {
      if (performance.now() > deadline) throw new ShaleError('NETWORK_BUSY', `the networks in ${folder} stay locked`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return await work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function openLock(folder: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    return openSync(MACHINE_LOCK, flags, 0o600);
  } catch (error) {
    if (!isSystemError(error, 'EACCES', 'EROFS', 'ENOENT', 'EPERM')) throw error;
    return openSync(`${folder}/lock`, flags, 0o600);
  }
}

/** Undefined when nobody is on the bridge, or the file is damaged (then the bridge's own address is asked). */
export function readState(folder: string, bridge: string): NetworkState | undefined {
  const value = readJson(stateFileOf(folder, bridge));
  return isState(value) && value.bridge === bridge ? value : undefined;
}

export function writeState(folder: string, state: NetworkState): void {
  writeRecord(stateFileOf(folder, state.bridge), state);
}

export function stateFileOf(folder: string, bridge: string): string {
  return `${folder}/${bridge}.json`;
}

function isState(value: unknown): value is NetworkState {
  if (typeof value !== 'object' || value === null) return false;
  const state: Record<string, unknown> = { ...value };
  const subnet = state['subnet'];
  return (
    typeof state['bridge'] === 'string' &&
    typeof subnet === 'object' &&
    subnet !== null &&
    'base' in subnet &&
    typeof subnet.base === 'number' &&
    'prefix' in subnet &&
    typeof subnet.prefix === 'number' &&
    Array.isArray(state['leases']) &&
    state['leases'].every(isLease)
  );
}

function isLease(value: unknown): value is Lease {
  if (typeof value !== 'object' || value === null) return false;
  const lease: Record<string, unknown> = { ...value };
  return (
    typeof lease['id'] === 'string' &&
    typeof lease['address'] === 'string' &&
    Array.isArray(lease['ports']) &&
    isOwner(lease['owner'])
  );
}

/** The first free address; the network's own, the bridge's and the broadcast one are never given. */
export function freeAddress(state: Omit<NetworkState, 'bridge'>): string {
  const taken = new Set([gatewayIn(state), ...state.leases.map((lease) => lease.address)]);
  const { subnet } = state;
  const range = state.network?.range ?? subnet;
  const last = subnet.base + 2 ** (32 - subnet.prefix) - 1;
  for (let value = range.base; value < range.base + 2 ** (32 - range.prefix); value++) {
    const address = formatAddress(value);
    if (value !== subnet.base && value !== last && !taken.has(address)) return address;
  }
  throw new ShaleError('NETWORK_FULL', `all addresses of ${formatSubnet(range)} are taken`);
}

/** An address that was asked for. @throws NETWORK_ADDRESS_INVALID when it is not free or not of the network. */
export function askedAddress(state: Omit<NetworkState, 'bridge'>, address: string): string {
  const bad = (why: string): ShaleError =>
    new ShaleError('NETWORK_ADDRESS_INVALID', `the address ${address} cannot be given: ${why}`, { data: { address } });
  const { subnet } = state;
  const value = parseAddress(address);
  const last = subnet.base + 2 ** (32 - subnet.prefix) - 1;
  if (value === undefined || value <= subnet.base || value >= last) throw bad(`it is not in ${formatSubnet(subnet)}`);
  if (address === gatewayIn(state)) throw bad('it is the gateway');
  if (state.leases.some((lease) => lease.address === address)) throw bad('a container has it');
  return address;
}

/** The address of the bridge. */
export function gatewayIn({ network, subnet }: Pick<NetworkState, 'network' | 'subnet'>): string {
  return network?.gateway ?? gatewayOf(subnet);
}

export function prefixIn({ subnet }: Pick<NetworkState, 'subnet'>): number {
  return subnet.prefix;
}

export function gatewayOf(subnet: Subnet): string {
  return formatAddress(subnet.base + 1);
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.prefix}`;
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

export function parseAddress(text: string): number | undefined {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || !parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256)) return undefined;
  return parts.reduce((value, part) => value * 256 + part, 0);
}

const CANDIDATE_PREFIX = 20;
const CANDIDATES_FIRST = 0x0a5b0000; // 10.91.0.0: neither docker's (172.17) nor podman's (10.88) default
const CANDIDATES = 64;

/** Networks with a name: apart from those, and smaller, because there are more of them. */
const NAMED_FIRST = 0x0a5f0000; // 10.95.0.0
const NAMED_PREFIX = 24;
const NAMED = 1024;

/**
 * A subnet that nothing of this machine is in: no interface, no route, no resolver. The one that the bridge has already
 * is kept. @throws NETWORK_FULL.
 */
export function findSubnet(bridge: string, resolvConf: string): Subnet {
  const own = interfaceRanges((name) => name === bridge)[0];
  if (own !== undefined) return own;
  return firstFree({ first: CANDIDATES_FIRST, prefix: CANDIDATE_PREFIX, count: CANDIDATES }, usedRanges(resolvConf));
}

/** A subnet for a network with a name, `taken` being those of the others. @throws NETWORK_FULL. */
export function findNamedSubnet(taken: readonly Subnet[], resolvConf: string): Subnet {
  const used = [...taken, ...usedRanges(resolvConf)];
  return firstFree({ first: NAMED_FIRST, prefix: NAMED_PREFIX, count: NAMED }, used);
}

/** What this machine is in now. */
export function usedRanges(resolvConf: string): Subnet[] {
  return [...interfaceRanges(() => true), ...routes(), ...resolvers(resolvConf)];
}

function firstFree(
  { first, prefix, count }: { readonly first: number; readonly prefix: number; readonly count: number },
  used: readonly Subnet[],
): Subnet {
  for (let index = 0; index < count; index++) {
    const candidate = { base: first + index * 2 ** (32 - prefix), prefix };
    if (!used.some((range) => overlaps(candidate, range))) return candidate;
  }
  throw new ShaleError('NETWORK_FULL', 'no free subnet was found for the bridge');
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  const size = (range: Subnet): number => 2 ** (32 - range.prefix);
  return a.base < b.base + size(b) && b.base < a.base + size(a);
}

function interfaceRanges(wanted: (name: string) => boolean): Subnet[] {
  const ranges: Subnet[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    if (!wanted(name)) continue;
    for (const entry of entries ?? []) {
      const range = entry.family === 'IPv4' && entry.cidr !== null ? parseRange(entry.cidr) : undefined;
      if (range !== undefined) ranges.push(range);
    }
  }
  return ranges;
}

/** `10.0.0.0/8`, or an address in it. */
export function parseRange(cidr: string): Subnet | undefined {
  const [address = '', prefix = ''] = cidr.split('/');
  const value = parseAddress(address);
  const bits = Number(prefix);
  if (value === undefined || !Number.isInteger(bits) || bits < 1 || bits > 32) return undefined;
  return { base: value - (value % 2 ** (32 - bits)), prefix: bits };
}

/** /proc/net/route: destination and mask in hexadecimal, bytes reversed. The default route is no range. */
function routes(): Subnet[] {
  let text: string;
  try {
    text = readFileSync('/proc/net/route', 'latin1');
  } catch {
    return [];
  }
  const ranges: Subnet[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.split('\t');
    const base = reversed(fields[1]);
    const mask = reversed(fields[7]);
    if (base === undefined || mask === undefined || mask === 0) continue;
    ranges.push({ base, prefix: 32 - Math.round(Math.log2(2 ** 32 - mask)) });
  }
  return ranges;
}

function reversed(hex: string | undefined): number | undefined {
  if (hex === undefined || !/^[0-9A-F]{8}$/.test(hex)) return undefined;
  return Buffer.from(hex, 'hex').readUInt32LE(0);
}

function resolvers(resolvConf: string): Subnet[] {
  const ranges: Subnet[] = [];
  for (const match of resolvConf.matchAll(/^nameserver\s+(\S+)/gm)) {
    const value = parseAddress(match[1] ?? '');
    if (value !== undefined) ranges.push({ base: value, prefix: 32 });
  }
  return ranges;
}

/** An IPv6 address some places after another one, as the kernel writes it. */
export function addToAddress6(first: string, offset: number): string {
  const groups = expand6(first);
  const value = groups.reduce((sum, group) => sum * 65_536n + BigInt(group), 0n) + BigInt(offset);
  const parts = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(16 * (7 - index))) & 0xffffn).toString(16));
  // URL writes addresses in their shortest form (RFC 5952).
  return new URL(`http://[${parts.join(':')}]/`).hostname.slice(1, -1);
}

function expand6(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  if (tail === undefined) return groups(head);
  const [front, back] = [groups(head), groups(tail)];
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
}
