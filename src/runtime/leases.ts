import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { readFileSync } from 'node:fs';
import { isSystemError, type Owner, ShaleError } from '../base/index.ts';
import { tryLock } from '../sys/index.ts';
import { isOwner, readJson, writeRecord } from './folders.ts';
import type { PublishedPort } from './types.ts';

/** One address of a bridge network and whose it is. */
export interface Lease {
  /** The container's id, or a name of a pool's namespace. */
  readonly id: string;
  readonly address: string;
  readonly ports: readonly PublishedPort[];
  /** `process`: given back when the owner ends. `container`: when the detached container `id` is gone. */
  readonly kind: 'process' | 'container';
  readonly owner: Owner;
}

/** What is written: the subnet in use (absent when nobody is on the bridge) and its leases. */
export interface NetworkState {
  readonly bridge: string;
  readonly subnet: Subnet;
  readonly leases: readonly Lease[];
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

/** The first free address; the network's own, the bridge's (the first) and the broadcast one are never given. */
export function freeAddress(state: Omit<NetworkState, 'bridge'>): string {
  const taken = new Set(state.leases.map((lease) => lease.address));
  const count = 2 ** (32 - state.subnet.prefix);
  for (let offset = 2; offset < count - 1; offset++) {
    const address = formatAddress(state.subnet.base + offset);
    if (!taken.has(address)) return address;
  }
  throw new ShaleError('NETWORK_FULL', `all ${count - 3} addresses of ${formatSubnet(state.subnet)} are taken`);
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

/**
 * A subnet that nothing of this machine is in: no interface, no route, no resolver. The one that the bridge has already
 * is kept. @throws NETWORK_FULL.
 */
export function findSubnet(bridge: string, resolvConf: string): Subnet {
  const own = interfaceRanges((name) => name === bridge)[0];
  if (own !== undefined) return own;
  const used = [...interfaceRanges(() => true), ...routes(), ...resolvers(resolvConf)];
  const size = 2 ** (32 - CANDIDATE_PREFIX);
  for (let index = 0; index < CANDIDATES; index++) {
    const candidate = { base: CANDIDATES_FIRST + index * size, prefix: CANDIDATE_PREFIX };
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

function parseRange(cidr: string): Subnet | undefined {
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
