/** Networks, as plain data. */

/** How a container is to be on a network. */
export interface EndpointRequest {
  /** `bridge`, `host`, `none`, `container:NAME`, or the name or id of a network. */
  readonly name: string;
  /** Further names that others on the network find it by. */
  readonly aliases?: readonly string[];
  readonly address?: string;
  readonly address6?: string;
  readonly macAddress?: string;
}

export interface NetworkSubnet {
  /** `10.1.0.0/16`. */
  readonly subnet: string;
  readonly gateway?: string;
  /** Addresses are given from here. */
  readonly range?: string;
}

export interface NetworkMember {
  readonly id: string;
  readonly name: string;
  readonly macAddress: string;
  /** With its prefix length. */
  readonly address: string;
  readonly address6: string;
}

export interface Network {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: 'bridge' | 'host' | 'null';
  readonly createdMs: number;
  readonly internal: boolean;
  readonly ipv6: boolean;
  readonly subnets: readonly NetworkSubnet[];
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** `bridge`, `host` and `none` are always there. */
  readonly predefined: boolean;
  /** Who is on it now. */
  readonly containers: readonly NetworkMember[];
}

export interface CreateNetworkRequest {
  readonly name: string;
  /** Free ones are chosen when there are none; at most one of each kind of address. */
  readonly subnets: readonly NetworkSubnet[];
  readonly internal: boolean;
  readonly ipv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** docker's `com.docker.network.bridge.name` and `com.docker.network.driver.mtu`. */
  readonly options: Readonly<Record<string, string>>;
}

export interface NetworkOperations {
  /** @throws NETWORK_EXISTS, NETWORK_INVALID, NETWORK_FULL */
  readonly createNetwork: (request: CreateNetworkRequest) => Promise<Network>;
  readonly networks: () => Promise<readonly Network[]>;
  /** By name, id or unique beginning of one. @throws NETWORK_NOT_FOUND */
  readonly inspectNetwork: (name: string) => Promise<Network>;
  /** @throws NETWORK_NOT_FOUND, NETWORK_IN_USE, NETWORK_PREDEFINED */
  readonly removeNetwork: (name: string) => Promise<void>;
  /** Removes networks that nobody is on, of those what `matches`. Gives their names. */
  readonly pruneNetworks: (matches: (network: Network) => boolean) => Promise<readonly string[]>;
  /** Of a running container at once, of another one at its next start. */
  readonly connectNetwork: (container: string, endpoint: EndpointRequest) => Promise<void>;
  readonly disconnectNetwork: (container: string, network: string) => Promise<void>;
}
