import { accessSync, constants, mkdirSync } from 'node:fs';
import { isShaleError, messageOf, sha256Hex, ShaleError } from '../base/index.ts';
import type { RuntimeHost } from './host.ts';
import { formatSubnet, gatewayOf, type Lease, type Subnet } from './leases.ts';
import { runProgram } from './program.ts';
import type { NetworkDefinition } from './types.ts';

/** Where distributions put it; it is no program for users, so it is not in PATH. */
const PLACES: readonly string[] = [
  '/usr/lib/podman/netavark',
  '/usr/libexec/podman/netavark',
  '/usr/local/lib/podman/netavark',
];
const TIMEOUT_MS = 30_000;
const HINT = 'install it: apt-get install netavark iptables';

/** netavark chooses by itself otherwise, and differently from release to release. */
export const FIREWALL_ENV: Readonly<Record<string, string>> = { NETAVARK_FW: 'iptables' };

export interface NetavarkNetwork {
  /** The descriptor of the held lock: netavark holds it on when this process is killed. */
  readonly lock: number;
  /** Where newer releases keep what they need for a reload of the firewall. */
  readonly configFolder: string;
  readonly bridge: string;
  readonly subnet: Subnet;
  readonly mtu: number | undefined;
  /** Absent for the default bridge. */
  readonly network?: NetworkDefinition;
}

/** What a lease says of a container. */
export type NetavarkContainer = Pick<
  Lease,
  'id' | 'address' | 'address6' | 'ports' | 'names' | 'macAddress' | 'interfaceName'
>;

/** The name server of networks with names, which netavark starts and stops; undefined when it is not installed. */
export function findNameServer(): string | undefined {
  return firstExecutable(PLACES.map((path) => path.replace(/netavark$/, 'aardvark-dns')));
}

function firstExecutable(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @throws NETWORK_UNAVAILABLE when it is not installed. */
export function findNetavark(): string {
  const found = firstExecutable(PLACES);
  if (found !== undefined) return found;
  throw new ShaleError('NETWORK_UNAVAILABLE', 'bridge networks need netavark, which is not installed', { hint: HINT });
}

/**
 * Puts a container on the bridge (made when it is the first): veth pair, address, route, NAT, published ports.
 * Returns its MAC address. @throws NETWORK_SETUP_FAILED, NETWORK_UNAVAILABLE.
 */
export async function netavarkSetup(
  host: RuntimeHost,
  network: NetavarkNetwork,
  container: NetavarkContainer,
  namespace: string,
): Promise<string | undefined> {
  const output = await netavark(host, 'setup', network, container, namespace);
  return /"mac_address":"([0-9a-f:]{17})"/.exec(output)?.[1];
}

/** Takes it off; with the last one the bridge and its rules go. `namespace` may be an empty one when its own is gone. */
export async function netavarkTeardown(
  host: RuntimeHost,
  network: NetavarkNetwork,
  container: NetavarkContainer,
  namespace: string,
): Promise<void> {
  await netavark(host, 'teardown', network, container, namespace);
}

/**
 * The name server that netavark may start lives on and must not keep our pipes and the lock, which the shell holds
 * meanwhile; what netavark says goes through a file.
 */
const APART = 'out=$1; shift; "$@" 3>&- >"$out" 2>&1; code=$?; cat "$out"; rm -f "$out"; exit $code';

async function netavark(
  host: RuntimeHost,
  action: 'setup' | 'teardown',
  network: NetavarkNetwork,
  container: NetavarkContainer,
  namespace: string,
): Promise<string> {
  try {
    mkdirSync(network.configFolder, { recursive: true, mode: 0o700 });
    const words = ['--config', network.configFolder, ...nameServerArgs(network), action, namespace];
    const output = `${network.configFolder}/output-${process.pid}`;
    const result = await runProgram(host, {
      command: 'sh',
      args: ['-c', APART, 'netavark', output, findNetavark(), ...words],
      env: FIREWALL_ENV,
      input: netavarkInput(network, container),
      timeoutMs: TIMEOUT_MS,
      missingCode: 'NETWORK_UNAVAILABLE',
      hint: HINT,
      // Half a set of rules is worse than a second's wait: it finishes even when we are killed.
      lifetime: 'own',
      holds: [network.lock],
    });
    return result.output;
  } catch (error) {
    if (isShaleError(error, 'NETWORK_UNAVAILABLE')) throw error;
    throw new ShaleError('NETWORK_SETUP_FAILED', `network ${action} of ${container.id} failed: ${messageOf(error)}`, {
      data: { id: container.id, action },
      cause: error,
    });
  }
}

/** Of the default route of the first interface; netavark's own choice. */
const METRIC = 100;

function nameServerArgs({ network }: NetavarkNetwork): string[] {
  const path = network?.dns === true ? findNameServer() : undefined;
  return path === undefined ? [] : ['--aardvark-binary', path];
}

/** What netavark is told of a container (its docs, "types"). */
export function netavarkInput(network: NetavarkNetwork, container: NetavarkContainer): string {
  const { bridge } = network;
  const [name = container.id, ...aliases] = container.names ?? [];
  const six = container.address6 === undefined ? [] : [container.address6];
  const interfaceName = container.interfaceName ?? 'eth0';
  return JSON.stringify({
    container_id: container.id,
    container_name: name,
    networks: {
      [bridge]: {
        static_ips: [container.address, ...six],
        interface_name: interfaceName,
        ...(aliases.length > 0 && { aliases }),
        ...(container.macAddress !== undefined && { static_mac: container.macAddress }),
      },
    },
    network_info: { [bridge]: networkInfo(network, interfaceName) },
    port_mappings: container.ports.map((port) => ({
      container_port: port.containerPort,
      host_ip: port.hostAddress ?? '',
      host_port: port.hostPort,
      protocol: port.protocol,
      range: port.range ?? 1,
    })),
  });
}

function networkInfo(
  { bridge, subnet, mtu, network }: NetavarkNetwork,
  interfaceName: string,
): Readonly<Record<string, unknown>> {
  const index = Number(/\d+$/.exec(interfaceName)?.[0] ?? 0);
  const options = {
    ...(mtu !== undefined && { mtu: String(mtu) }),
    // As docker: networks with names do not reach each other, and the first one is the way out.
    ...(network !== undefined && { isolate: 'true', metric: String(METRIC + index) }),
  };
  return {
    name: bridge,
    // 64 hex digits; the names of its chains are made of it.
    id: network?.id ?? sha256Hex(Buffer.from(`shale network ${bridge}`)),
    driver: 'bridge',
    network_interface: bridge,
    subnets: [
      { subnet: formatSubnet(subnet), gateway: network?.gateway ?? gatewayOf(subnet) },
      ...(network?.subnet6 === undefined ? [] : [network.subnet6]),
    ],
    ipv6_enabled: network?.subnet6 !== undefined,
    internal: network?.internal === true,
    dns_enabled: network?.dns === true && findNameServer() !== undefined,
    ...(Object.keys(options).length > 0 && { options }),
    ipam_options: { driver: 'host-local' },
  };
}

/**
 * What netavark leaves when the last network is gone: chains of its own without rules of anybody, and the jumps to
 * them, of older releases and of newer ones. One transaction for each; the kernel refuses it as a whole when a chain is
 * in use (podman's, say).
 */
export const LEFTOVERS: readonly [filter: string, newerFilter: string, nat: string] = [
  `*filter
-D FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD
-X NETAVARK_FORWARD
COMMIT
`,
  `*filter
-D INPUT -m comment --comment "netavark firewall rules" -j NETAVARK_INPUT
-D FORWARD -m comment --comment "netavark firewall rules" -j NETAVARK_FORWARD
-D NETAVARK_FORWARD -m conntrack --ctstate INVALID -j DROP
-D NETAVARK_ISOLATION_3 -j NETAVARK_ISOLATION_2
-X NETAVARK_INPUT
-X NETAVARK_FORWARD
-X NETAVARK_ISOLATION_3
-X NETAVARK_ISOLATION_2
COMMIT
`,
  `*nat
-D PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-D OUTPUT -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-D POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-D NETAVARK-HOSTPORT-MASQ -m comment --comment "netavark portfw masq mark" -m mark --mark 0x2000/0x2000 -j MASQUERADE
-D NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
-X NETAVARK-HOSTPORT-DNAT
-X NETAVARK-HOSTPORT-MASQ
-X NETAVARK-HOSTPORT-SETMARK
COMMIT
`,
];

/** What is left of the isolation of networks with names: older releases leave both chains, newer ones the first. */
const ISOLATION: readonly string[] = [1, 2].map((n) => `*filter\n-X NETAVARK_ISOLATION_${n}\nCOMMIT\n`);

/** Removes netavark's empty chains where nobody uses them. Never throws. */
export async function removeLeftoverChains(
  host: RuntimeHost,
  lock: number,
  { isolated }: { readonly isolated: boolean },
): Promise<void> {
  await Promise.all(
    [...LEFTOVERS, ...(isolated ? ISOLATION : [])].map(async (input) => {
      try {
        await runProgram(host, {
          command: 'iptables-restore',
          args: ['--noflush', '--wait', '5'],
          input,
          timeoutMs: TIMEOUT_MS,
          missingCode: 'NETWORK_UNAVAILABLE',
          holds: [lock],
        });
      } catch {
        // In use, or not there: both are as they should be.
      }
    }),
  );
}
