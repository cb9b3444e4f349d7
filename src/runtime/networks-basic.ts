import { readFileSync } from 'node:fs';
import { containerResolvConf, hostsFile } from './resolv.ts';
import type { NetworkAttachment, NetworkProvider, NetworkRequest } from './types.ts';

const RESOLV_CONF = '/etc/resolv.conf';
const RESOLVED_UPSTREAM = '/run/systemd/resolve/resolv.conf';
/** Where a container without a network finds its own name (Debian's convention). */
export const OWN_NAME_ADDRESS = '127.0.1.1';

/** A namespace with nothing but its own loopback. */
export const noNetwork: NetworkProvider = {
  kind: 'none',
  attach: async (request) => ({
    ...bare('new'),
    files: {
      hosts: hostsFile(request, [OWN_NAME_ADDRESS], request.extraHosts),
      hostname: `${request.hostname}\n`,
      // Nothing is reached; what was asked for is there nevertheless.
      resolvConf: isAsked(request.dns) ? resolvConfFor(request) : '',
    },
  }),
};

function isAsked({ servers = [], search = [], options = [] }: NetworkRequest['dns']): boolean {
  return servers.length + search.length + options.length > 0;
}

/** The host's own network: its resolvers as they are, its /etc/hosts with the extra ones. */
export const hostNetwork: NetworkProvider = {
  kind: 'host',
  attach: async (request) => ({ ...bare('host'), files: hostFiles(request) }),
};

function hostFiles(request: NetworkRequest): NetworkAttachment['files'] {
  const own = readOptional('/etc/hosts') ?? '';
  const added = request.extraHosts.map((entry) => {
    const at = entry.search(/[:=]/);
    return `${entry.slice(at + 1)}\t${entry.slice(0, at)}\n`;
  });
  const resolvConf = isAsked(request.dns) ? resolvConfFor(request) : readHostResolvConf();
  return {
    resolvConf,
    hosts: `${own}${own.endsWith('\n') ? '' : '\n'}${added.join('')}`,
    hostname: `${request.hostname}\n`,
  };
}

/** The host's own; empty where it has none. */
export function readHostResolvConf(): string {
  return readOptional(RESOLV_CONF) ?? '';
}

/** The resolv.conf of a container that is not in the host's network. */
export function resolvConfFor(request: NetworkRequest): string {
  return containerResolvConf(readHostResolvConf(), readOptional(RESOLVED_UPSTREAM), request.dns);
}

function bare(kind: 'new' | 'host'): Omit<NetworkAttachment, 'files'> {
  return {
    namespace: { kind },
    env: [],
    addresses: [],
    ports: [],
    handOver: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
