import { isIPv4, isIPv6 } from 'node:net';
import type { PortMapping } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';

const FORMS = 'PORT, HOST:PORT or IP:HOST:PORT, with /tcp or /udp';
/** A range may not publish more than this many ports: each costs rules. */
const RANGE_MAX = 1000;

/**
 * Reads docker's `[[IP:][HOST]:]PORT[/PROTOCOL]`, where HOST and PORT may be ranges of equal length and an IPv6 address
 * stands in brackets.
 * @throws USAGE
 */
export function parsePortSpec(spec: string): PortMapping[] {
  const [, address = '', protocol = 'tcp'] = /^(.*?)(?:\/([a-z]+))?$/s.exec(spec) ?? [];
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    throw invalid(spec, `the protocol is tcp, udp or sctp, not ${protocol}`);
  }
  const { ip, host, container } = splitAddress(spec, address);
  const containerPorts = parseRange(spec, container);
  const hostPorts = host === undefined ? undefined : parseRange(spec, host);
  if (hostPorts !== undefined && hostPorts.length !== containerPorts.length) {
    throw invalid(spec, 'the two ranges have different lengths');
  }
  return containerPorts.map((containerPort, index) => {
    const hostPort = hostPorts?.[index];
    return {
      containerPort,
      protocol,
      ...(ip === undefined ? {} : { hostIp: ip }),
      ...(hostPort === undefined || hostPort === 0 ? {} : { hostPort }),
    };
  });
}

function splitAddress(spec: string, text: string): { ip?: string; host?: string; container: string } {
  const bracketed = /^\[([^\]]*)\]:(.*)$/s.exec(text);
  const words = bracketed === null ? text.split(':') : [bracketed[1] ?? '', ...(bracketed[2] ?? '').split(':')];
  const container = words.at(-1) ?? '';
  const host = words.length > 1 ? words.at(-2) : undefined;
  const ip = words.length > 2 ? words.at(-3) : undefined;
  if (words.length > 3 || (bracketed !== null && words.length < 3)) throw invalid(spec, `ports are given as ${FORMS}`);
  if (ip !== undefined && ip !== '' && !(bracketed === null ? isIPv4(ip) : isIPv6(ip))) {
    throw invalid(spec, `${JSON.stringify(ip)} is not an IP address`);
  }
  return {
    container,
    ...(host === undefined || host === '' ? {} : { host }),
    ...(ip === undefined || ip === '' ? {} : { ip }),
  };
}

function parseRange(spec: string, text: string): number[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) throw invalid(spec, `ports are given as ${FORMS}`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first > 65_535 || last > 65_535) throw invalid(spec, 'a port is at most 65535');
  if (last < first) throw invalid(spec, 'the range ends before it begins');
  if (last - first >= RANGE_MAX) throw invalid(spec, `the range has more than ${RANGE_MAX} ports`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function invalid(spec: string, why: string): UsageError {
  return new UsageError(`cannot publish ${JSON.stringify(spec)}: ${why}`);
}
