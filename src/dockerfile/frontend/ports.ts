import { isIP } from 'node:net';

const PORT_MAX = 65_535;
const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'];

/**
 * The ports that one word of EXPOSE stands for, as `80/tcp`: a port or a range, a protocol, and in front of them an
 * address and a host port, which are checked and forgotten. A string says why it is none.
 */
export function exposedPorts(text: string): readonly string[] | string {
  const parts = text.split(':');
  const container = parts.at(-1) ?? '';
  const hostPort = parts.length > 1 ? (parts.at(-2) ?? '') : '';
  const address = parts.slice(0, -2).join(':');
  const slash = container.indexOf('/');
  const ports = slash === -1 ? container : container.slice(0, slash);
  const protocol = slash === -1 ? 'tcp' : container.slice(slash + 1).toLowerCase() || 'tcp';
  if (ports === '') return 'it has no port';
  if (!PROTOCOLS.includes(protocol)) return `${JSON.stringify(protocol)} is no protocol: it is tcp, udp or sctp`;
  if (address !== '' && isIP(address.replace(/^\[(.*)\]$/, '$1')) === 0)
    return `${JSON.stringify(address)} is no address`;
  const range = parseRange(ports);
  if (range === undefined) return `${JSON.stringify(ports)} is no port or range of ports`;
  if (hostPort !== '') {
    const host = parseRange(hostPort);
    if (host === undefined) return `${JSON.stringify(hostPort)} is no port or range of ports`;
    if (range.last !== range.first && host.last - host.first !== range.last - range.first) {
      return 'its two ranges have different lengths';
    }
  }
  return Array.from({ length: range.last - range.first + 1 }, (_, i) => `${range.first + i}/${protocol}`);
}

function parseRange(text: string): { first: number; last: number } | undefined {
  const dash = text.indexOf('-');
  const first = parsePort(dash === -1 ? text : text.slice(0, dash));
  const last = dash === -1 ? first : parsePort(text.slice(dash + 1));
  if (first === undefined || last === undefined || last < first) return undefined;
  return { first, last };
}

function parsePort(text: string): number | undefined {
  if (!/^\+?\d+$/.test(text)) return undefined;
  const port = Number(text);
  return port <= PORT_MAX ? port : undefined;
}
