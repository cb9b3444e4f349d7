import { bridgeNetwork } from './bridge.ts';
import { hostFacts } from './facts.ts';
import { pastaNetwork } from './pasta.ts';
import type { NetworkProvider } from './types.ts';

export interface DefaultNetworkOptions {
  /** `networks` of the run folder. */
  readonly folder: string;
}

/** The network of who asks for none: the bridge of the machine, which only root may make; pasta in a user namespace. */
export function defaultNetwork(options: DefaultNetworkOptions): NetworkProvider {
  return hasBridges() ? bridgeNetwork(options) : pastaNetwork(options);
}

/** True where networks of their own, with several containers on each, can be made. */
export function hasBridges(): boolean {
  return hostFacts().ids === undefined;
}
