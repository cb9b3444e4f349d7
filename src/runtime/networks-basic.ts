import type { NetworkAttachment, NetworkProvider } from './types.ts';

function attachment(kind: 'new' | 'host'): NetworkAttachment {
  return {
    namespace: { kind },
    files: {},
    env: [],
    addresses: [],
    ports: [],
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A namespace with nothing but its own loopback. */
export const noNetwork: NetworkProvider = {
  kind: 'none',
  attach: async (request) => ({ ...attachment('new'), files: emptyNetworkFiles(request.hostname) }),
};

/** The host's own network. */
export function hostNetwork(files: NetworkAttachment['files']): NetworkProvider {
  return { kind: 'host', attach: async () => ({ ...attachment('host'), files }) };
}

function emptyNetworkFiles(hostname: string): NetworkAttachment['files'] {
  return { hosts: `${LOOPBACK_HOSTS}127.0.1.1\t${hostname}\n`, hostname: `${hostname}\n`, resolvConf: '' };
}

export const LOOPBACK_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;
