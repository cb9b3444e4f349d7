import type { NetworkAttachment, NetworkProvider } from './types.ts';

/** The network of another container, for one that has none of its own. */
export interface SharedNetwork {
  /** A process in its network namespace. */
  readonly pid: number;
  /** The files that the other container has. */
  readonly files: NetworkAttachment['files'];
}

/** Puts a container into the network of another one; the network goes when both are gone. */
export function containerNetwork({ pid, files }: SharedNetwork): NetworkProvider {
  return {
    kind: 'container',
    attach: async () => ({
      namespace: { kind: 'path', path: `/proc/${pid}/ns/net` },
      files,
      env: [],
      addresses: [],
      ports: [],
      handOver: () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}
