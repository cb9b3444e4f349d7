import { randomOf, ShaleError } from '../base/index.ts';
import { attachToBridge, type BridgeAttachment, type BridgeOptions, leaveTogether, openBridge } from './bridge.ts';
import { hasBridges } from './default-network.ts';
import { hostFacts } from './facts.ts';
import { attachToPasta } from './pasta.ts';
import { OWN_NAME_ADDRESS, resolvConfFor } from './networks-basic.ts';
import { hostsFile } from './resolv.ts';
import type { NetworkAttachment, NetworkProvider, NetworkRequest } from './types.ts';

/**
 * The network of a build's steps: as many namespaces of the default network as steps run at once, each used by one step after another,
 * because setting one up takes as long as two steps. Steps see the same /etc/hosts everywhere.
 */
export interface NetworkPool extends NetworkProvider, AsyncDisposable {
  readonly kind: 'pool';
  /** Starts setting one namespace up, for a step that is sure to come. Never rejects; the step gets the error. */
  warm(): void;
}

/** Opens an empty pool; dispose it when no step runs any more. */
export function openNetworkPool(options: BridgeOptions): NetworkPool {
  return hasBridges() ? new Pool(ofBridge(options)) : new Pool(ofPasta(options));
}

/** Where a pool's namespaces come from, and how they are given back together. */
interface Source<Made extends NetworkAttachment> {
  readonly make: (request: NetworkRequest) => Promise<Made>;
  readonly giveBack: (made: readonly Made[]) => Promise<void>;
}

function ofBridge(options: BridgeOptions): Source<BridgeAttachment> {
  const bridge = openBridge(options);
  return { make: (request) => attachToBridge(bridge, request), giveBack: (made) => leaveTogether(bridge, made) };
}

function ofPasta({ folder }: BridgeOptions): Source<NetworkAttachment> {
  return {
    make: (request) => attachToPasta({ folder }, request),
    giveBack: async (made) => {
      for (const attachment of made) await attachment[Symbol.asyncDispose]();
    },
  };
}

class Pool<Made extends NetworkAttachment> implements NetworkPool {
  readonly kind = 'pool';
  readonly #source: Source<Made>;
  readonly #free: Promise<Made>[] = [];
  readonly #all = new Set<Promise<Made>>();
  #isClosed = false;

  constructor(source: Source<Made>) {
    this.#source = source;
  }

  warm(): void {
    if (this.#free.length === 0 && !this.#isClosed) this.#free.push(this.#make());
  }

  async attach(request: NetworkRequest): Promise<NetworkAttachment> {
    if (this.#isClosed) throw new ShaleError('NETWORK_SETUP_FAILED', 'the network pool of this build is closed');
    if (request.ports.length > 0) throw new ShaleError('RUN_SPEC_INVALID', 'a build step cannot publish ports');
    const making = this.#free.pop() ?? this.#make();
    const shared = await making;
    return borrowed(shared, request, () => this.#free.push(making));
  }

  #make(): Promise<Made> {
    const making = this.#source.make({
      sysctls: hostFacts().networkSysctls,
      id: `pool-${process.pid}-${randomOf(4).toString('hex')}`,
      hostname: 'shale',
      ports: [],
      extraHosts: [],
      dns: {},
    });
    this.#all.add(making);
    // Whoever waits for it gets the error; the next one tries again.
    making.catch(() => this.#all.delete(making));
    return making;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#free.length = 0;
    const made: Made[] = [];
    for (const making of this.#all) {
      // One that could not be made has left by itself; its step was told.
      const attachment = await making.catch(() => undefined);
      if (attachment !== undefined) made.push(attachment);
    }
    this.#all.clear();
    if (made.length > 0) await this.#source.giveBack(made);
  }
}

/** One step's use of a namespace. */
function borrowed(shared: NetworkAttachment, request: NetworkRequest, giveBack: () => void): NetworkAttachment {
  let isBorrowed = true;
  return {
    namespace: shared.namespace,
    env: [],
    addresses: shared.addresses,
    ports: [],
    files: {
      resolvConf: resolvConfFor(request),
      hosts: hostsFile(request, [OWN_NAME_ADDRESS], request.extraHosts, shared.gateway),
      hostname: `${request.hostname}\n`,
    },
    ...(shared.gateway === undefined ? {} : { gateway: shared.gateway }),
    handOver: () => {
      throw new ShaleError('RUN_SPEC_INVALID', 'a build step cannot outlive its build');
    },
    [Symbol.asyncDispose]: async () => {
      if (isBorrowed) giveBack();
      isBorrowed = false;
    },
  };
}
