import { isIP } from 'node:net';
import type { DnsOptions } from './types.ts';

/** Resolvers that a container reaches from anywhere, where the host names none that it can (docker's choice too). */
const FALLBACK_SERVERS: readonly string[] = ['8.8.8.8', '8.8.4.4'];
const SERVERS_MAX = 3;

interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

function parse(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (key === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    else if (key === 'search' || key === 'domain') search = values;
    else if (key === 'options') options = values;
  }
  return { servers, search, options };
}

/** True for what only the host itself reaches: 127.0.0.0/8, ::1, and things that are no address. */
export function isLoopback(server: string): boolean {
  const address = server.replace(/%.*$/, '');
  return (
    isIP(address) === 0 ||
    address.startsWith('127.') ||
    /^(0*:)*0*1$/.test(address) ||
    address.startsWith('::ffff:127.')
  );
}

/**
 * The resolv.conf of a container with a network of its own: the host's, loopback resolvers left out. `upstream` is what a
 * local resolver forwards to (systemd-resolved's file), used when nothing else is left. Own `dns` options come instead.
 */
export function containerResolvConf(host: string, upstream: string | undefined, dns: DnsOptions): string {
  const base = parse(host);
  const reachable = base.servers.filter((server) => !isLoopback(server));
  const forwarded = parse(upstream ?? '').servers.filter((server) => !isLoopback(server));
  const found = reachable.length > 0 ? reachable : forwarded.length > 0 ? forwarded : FALLBACK_SERVERS;
  const servers = dns.servers !== undefined && dns.servers.length > 0 ? dns.servers : found;
  const search = (dns.search ?? base.search).filter((domain) => domain !== '.');
  const options = dns.options ?? base.options;
  return format({ servers: servers.slice(0, SERVERS_MAX), search, options });
}

function format({ servers, search, options }: ResolvConf): string {
  const lines = servers.map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(' ')}`);
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

/**
 * A resolv.conf that asks name servers of networks before those that it names. As docker's: with them a name without a
 * dot is looked up as it is, unless `dns` has options.
 */
export function resolvConfWith(text: string, servers: readonly string[], dns: DnsOptions): string {
  if (servers.length === 0) return text;
  const known = parse(text);
  const all = [...new Set([...servers, ...known.servers])].slice(0, SERVERS_MAX);
  const options = dns.options === undefined || dns.options.length === 0 ? withNdots(known.options) : known.options;
  return format({ servers: all, search: known.search, options });
}

function withNdots(options: readonly string[]): string[] {
  return [...options.filter((option) => !option.startsWith('ndots:')), 'ndots:0'];
}

const LOOPBACK_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** What a container is called. */
export interface HostName {
  readonly hostname: string;
  readonly domainname?: string;
}

/**
 * /etc/hosts: the loopback names, `extra` (`name:address`, also `name=address`), and the container's own names at
 * its `addresses` (a build step has it at a loopback address, so that the file is the same everywhere).
 */
export function hostsFile(
  name: HostName,
  addresses: readonly string[],
  extra: readonly string[],
  gateway?: string,
): string {
  const lines = extra.map((entry) => {
    const at = entry.search(/[:=]/);
    const [name, value] = [entry.slice(0, at), entry.slice(at + 1).replace(/^\[|\]$/g, '')];
    return `${value === 'host-gateway' && gateway !== undefined ? gateway : value}\t${name}\n`;
  });
  const own = addresses.map((address) => ownHostsLine(address, name));
  return `${LOOPBACK_HOSTS}${lines.join('')}${own.join('')}`;
}

/** The names of a container at an address: with its domain first, where it has one, and without, as docker. */
export function ownHostsLine(address: string, { hostname, domainname }: HostName): string {
  const full = domainname === undefined ? hostname : `${hostname}.${domainname}`;
  const [bare] = full.split('.', 1);
  return `${address}\t${full}${bare === full ? '' : ` ${bare}`}\n`;
}
