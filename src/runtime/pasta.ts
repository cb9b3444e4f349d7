import { mkdirSync, openSync, closeSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, isSystemError, type Owner, ShaleError, thisOwner } from '../base/index.ts';
import { isOwner, readJson, writeRecord } from './folders.ts';
import type { HostProcess } from './host.ts';
import { findSubnet, formatAddress } from './leases.ts';
import { makeNamespaceApart, type NetworkNamespace } from './netns.ts';
import { readHostResolvConf, resolvConfFor } from './networks-basic.ts';
import { openPlainHost } from './plain-host.ts';
import { settlePorts } from './ports.ts';
import { PROGRAM_ENV } from './program.ts';
import { hostsFile } from './resolv.ts';
import type { NetworkAttachment, NetworkProvider, NetworkRequest, PublishedPort } from './types.ts';

export interface PastaOptions {
  /** `networks` of the run folder. */
  readonly folder: string;
}

/**
 * A network for containers without root: pasta carries their connections over sockets of its own. Every container has a
 * namespace and a pasta to itself, so all of them have the same address and none sees another; published ports work.
 *
 * pasta ends when the file that it was given as the namespace is removed, which anybody can do: who disposes the
 * attachment, conmon when its container has ended, the next sweep. Of a container that is not to outlive this process it is
 * killed with it.
 */
export function pastaNetwork(options: PastaOptions): NetworkProvider {
  return { kind: 'pasta', attach: (request) => attachToPasta(options, request) };
}

/** What `folder/pasta/<id>/record.json` holds. */
interface PastaRecord {
  readonly id: string;
  /** As of a lease. */
  readonly kind: 'process' | 'container';
  readonly owner: Owner;
}

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 2;
const END_TIMEOUT_MS = 2000;
/** Of no interface: the subnet is only seen inside. */
const NO_BRIDGE = '';
const LOG_CHARACTERS_MAX = 500;

/** @throws NETWORK_UNAVAILABLE, NETWORK_SETUP_FAILED, PORT_IN_USE, PORT_FORBIDDEN */
export async function attachToPasta({ folder }: PastaOptions, request: NetworkRequest): Promise<NetworkAttachment> {
  const others = readRecords(folder).flatMap(({ place }) => portsAt(place));
  const ports = await settlePorts(request.ports, others);
  const place = `${folder}/pasta/${request.id}`;
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const record: PastaRecord = { id: request.id, kind: 'process', owner: thisOwner() };
  try {
    writeRecord(`${place}/record.json`, record);
    writeRecord(`${place}/ports.json`, ports);
    const namespace = await makeNamespaceApart(request.sysctls);
    try {
      const { base, prefix } = findSubnet(NO_BRIDGE, readHostResolvConf());
      const addresses = { gateway: formatAddress(base + 1), own: formatAddress(base + 2), prefix };
      const child = await startPasta({ place, namespace, ports, addresses, isLasting: request.isLasting === true });
      return new PastaAttachment({ place, record, request, namespace, ports, addresses, child });
    } catch (error) {
      namespace[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    throw error;
  }
}

interface Addresses {
  readonly own: string;
  readonly gateway: string;
  readonly prefix: number;
}

interface PastaStart {
  readonly place: string;
  readonly namespace: NetworkNamespace;
  readonly ports: readonly PublishedPort[];
  readonly addresses: Addresses;
  readonly isLasting: boolean;
}

/**
 * pasta may not look into our descriptors, so the namespace is mounted on a file, in a mount namespace of its own: from
 * everywhere else the file can be removed.
 */
function mounted(namespace: string, file: string): string[] {
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  return ['--mount', '--propagation', 'slave', '--', 'sh', '-c', script, 'sh', namespace, file];
}

/** Resolves when it carries packets. */
async function startPasta({ place, namespace, ports, addresses, isLasting }: PastaStart): Promise<HostProcess> {
  // Alone in its folder: pasta looks at one removal only of those that come at once.
  const netns = `${place}/watched/netns`;
  mkdirSync(`${place}/watched`, { mode: 0o700 });
  writeFileSync(netns, '');
  const { own, gateway, prefix } = addresses;
  const settings = [
    ['--foreground', '--quiet', '--pid', `${place}/pid`, '--config-net', '--ipv4-only', '--no-map-gw'],
    ['--address', own, '--netmask', String(prefix), '--gateway', gateway, '--tcp-ns', 'none', '--udp-ns', 'none'],
  ].flat();
  const log = openSync(`${place}/log`, 'w', 0o600);
  try {
    const child = await openPlainHost().spawn({
      command: 'unshare',
      args: [...mounted(namespace.path, netns), 'pasta', ...settings, ...forwarded(ports), '--netns', netns],
      env: { ...PROGRAM_ENV, PATH: process.env['PATH'] ?? PROGRAM_ENV['PATH'] ?? '' },
      stdio: ['ignore', log, log],
      lifetime: isLasting ? 'own' : 'child',
    });
    await untilReady(child, place);
    return child;
  } finally {
    closeSync(log);
  }
}

/** `--tcp-ports 127.0.0.1/8080-8081:80-81` (passt(1)). @throws NETWORK_SETUP_FAILED for what pasta cannot publish */
function forwarded(ports: readonly PublishedPort[]): string[] {
  const options = { tcp: [] as string[], udp: [] as string[] };
  for (const port of ports) {
    const { protocol, hostAddress = '', range = 1 } = port;
    if (protocol === 'sctp' || hostAddress.includes(':')) {
      const what = protocol === 'sctp' ? 'sctp' : 'an IPv6 address';
      throw new ShaleError('NETWORK_SETUP_FAILED', `pasta cannot publish on ${what}`, { data: { ...port } });
    }
    const span = (first: number): string => (range === 1 ? String(first) : `${first}-${first + range - 1}`);
    const address = hostAddress === '' ? '' : `${hostAddress}/`;
    options[protocol].push(`${address}${span(port.hostPort)}:${span(port.containerPort)}`);
  }
  return [
    ...(options.tcp.length === 0 ? ['none'] : options.tcp).flatMap((spec) => ['--tcp-ports', spec]),
    ...(options.udp.length === 0 ? ['none'] : options.udp).flatMap((spec) => ['--udp-ports', spec]),
  ];
}

/** It writes its pid when everything is set up. */
async function untilReady(child: HostProcess, place: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let code: number | undefined;
  void child.ended.then((end) => {
    code = end.code ?? 128;
  });
  while ((statSync(`${place}/pid`, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    if (code === undefined && performance.now() < deadline) {
      await sleep(POLL_MS);
      continue;
    }
    child.kill('SIGKILL');
    const said = readLog(place);
    // A folder of PATH that is closed to us is told of as if pasta was there.
    if (/pasta: (?:not found|Permission denied)/.test(said)) throw missing();
    throw new ShaleError('NETWORK_SETUP_FAILED', `pasta did not set up a network${said === '' ? '' : `: ${said}`}`, {
      hint: '--network host or none need no pasta',
    });
  }
}

function missing(): ShaleError {
  return new ShaleError('NETWORK_UNAVAILABLE', 'without root a network needs pasta, which is not installed', {
    hint: 'install it: apt-get install passt; --network host and none need none',
  });
}

function readLog(place: string): string {
  const lines = readFileSync(`${place}/log`, 'utf8').split('\n');
  // Where there is no syslog it complains of every line.
  const own = lines.filter((line) => line !== '' && !line.endsWith('to syslog'));
  return own.join('; ').slice(-LOG_CHARACTERS_MAX);
}

interface PastaParts {
  readonly place: string;
  readonly record: PastaRecord;
  readonly request: NetworkRequest;
  readonly namespace: NetworkNamespace;
  readonly ports: readonly PublishedPort[];
  readonly addresses: Addresses;
  readonly child: HostProcess;
}

class PastaAttachment implements NetworkAttachment {
  readonly namespace: { readonly kind: 'path'; readonly path: string };
  readonly files: NetworkAttachment['files'];
  readonly env: readonly string[] = [];
  readonly addresses: readonly string[];
  readonly gateway: string;
  readonly ports: readonly PublishedPort[];
  readonly endCommand: readonly string[];
  readonly #parts: PastaParts;
  #given: Promise<void> | undefined;

  constructor(parts: PastaParts) {
    const { request, namespace, addresses, ports, place } = parts;
    this.#parts = parts;
    this.namespace = { kind: 'path', path: namespace.path };
    this.gateway = addresses.gateway;
    this.addresses = [`${addresses.own}/${addresses.prefix}`];
    this.ports = ports;
    this.endCommand = ['rm', '-rf', place];
    this.files = {
      resolvConf: resolvConfFor(request),
      hosts: hostsFile(request, [addresses.own], request.extraHosts, addresses.gateway),
      hostname: `${request.hostname}\n`,
    };
  }

  handOver(): void {
    const { place, record, namespace } = this.#parts;
    this.#given ??= Promise.resolve();
    writeRecord(`${place}/record.json`, { ...record, kind: 'container' });
    namespace[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#given ??= this.#giveBack();
    return this.#given;
  }

  async #giveBack(): Promise<void> {
    const { place, namespace, child } = this.#parts;
    rmSync(place, { recursive: true, force: true });
    namespace[Symbol.dispose]();
    const ended = await Promise.race([child.ended, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    if (ended === undefined) child.kill('SIGKILL');
  }
}

/** Removes the networks that `isDead` names, and with each its pasta. Idempotent; gives the ids. */
export function releasePasta(folder: string, isDead: (record: PastaRecord) => boolean): readonly string[] {
  return readRecords(folder).flatMap(({ place, record }) => {
    if (!isDead(record)) return [];
    rmSync(place, { recursive: true, force: true });
    return [record.id];
  });
}

/** One whose process has ended without giving it back. */
export function isOrphanOfPasta(record: PastaRecord): boolean {
  return record.kind === 'process' && !isAlive(record.owner);
}

function readRecords(folder: string): { readonly place: string; readonly record: PastaRecord }[] {
  return namesIn(`${folder}/pasta`).flatMap((name) => {
    const place = `${folder}/pasta/${name}`;
    const value = readJson(`${place}/record.json`);
    return isRecord(value) ? [{ place, record: value }] : [];
  });
}

/** Written by `attachToPasta`; one that is gone or half written has none. */
function portsAt(place: string): PublishedPort[] {
  const value = readJson(`${place}/ports.json`);
  return Array.isArray(value) ? (value as PublishedPort[]) : []; // ours
}

function isRecord(value: unknown): value is PastaRecord {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('owner' in value) || !('id' in value))
    return false;
  return typeof value.id === 'string' && ['process', 'container'].includes(String(value.kind)) && isOwner(value.owner);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
