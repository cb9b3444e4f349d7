/** How containers get a network, as plain data and two interfaces. */

export interface DnsOptions {
  readonly servers?: readonly string[];
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** docker's `-p [ip:]host:container[/proto]`. */
export interface PublishedPort {
  /** Absent: every address. */
  readonly hostAddress?: string;
  /** 0: a free one, found when the network is set up (see NetworkAttachment.ports). */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Number of consecutive ports; default 1. */
  readonly range?: number;
}

/** What a network is asked for by one container. */
export interface NetworkRequest {
  /** The container's id. */
  readonly id: string;
  readonly hostname: string;
  readonly domainname?: string;
  readonly ports: readonly PublishedPort[];
  readonly extraHosts: readonly string[];
  readonly dns: DnsOptions;
  /** `net.` settings of the namespace (`net.ipv4.ip_forward`), docker's defaults included. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** The container outlives this process. */
  readonly isLasting?: boolean;
}

/** A network that was made by name. Plain data: it is kept beside the leases, so that a sweep knows it. */
export interface NetworkDefinition {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** Name of its interface on the host, at most 15 characters. */
  readonly bridge: string;
  readonly subnet: { readonly base: number; readonly prefix: number };
  /** Of the subnet; its first address when absent. */
  readonly gateway?: string;
  /** Addresses are given from here; the whole subnet when absent. */
  readonly range?: { readonly base: number; readonly prefix: number };
  readonly subnet6?: { readonly subnet: string; readonly gateway: string };
  /** Nothing outside is reached. */
  readonly internal: boolean;
  /** Names of containers are resolved. */
  readonly dns: boolean;
  readonly mtu?: number;
}

/** How a container is on a network. */
export interface NetworkEndpoint {
  /** The default bridge when absent. */
  readonly network?: NetworkDefinition;
  /** What others find it by, the container's own name first. */
  readonly names: readonly string[];
  readonly hostname?: string;
  readonly domainname?: string;
  readonly address?: string;
  readonly address6?: string;
  readonly macAddress?: string;
}

/** Where a container is on one network, now. */
export interface EndpointAddresses {
  readonly bridge: string;
  readonly address: string;
  readonly prefix: number;
  /** Empty for an internal network. */
  readonly gateway: string;
  readonly macAddress: string;
  readonly address6?: string;
  readonly prefix6?: number;
  readonly gateway6?: string;
}

/** Gives containers their network. `none`, `host` and `bridge` exist; a build uses a pool of bridge namespaces. */
export interface NetworkProvider {
  readonly kind: 'none' | 'host' | 'bridge' | 'pasta' | 'pool' | 'container' | 'custom';
  /**
   * Prepares the network of one container. The caller disposes the attachment when the container is gone; disposing is
   * idempotent and leaves no interface, rule or address behind (a pool keeps its namespaces until it is disposed).
   * @throws NETWORK_UNAVAILABLE when a program is missing; NETWORK_SETUP_FAILED; PORT_IN_USE; PORT_FORBIDDEN.
   */
  attach(request: NetworkRequest): Promise<NetworkAttachment>;
}

export interface NetworkAttachment extends AsyncDisposable {
  readonly namespace:
    | { readonly kind: 'new' }
    | { readonly kind: 'host' }
    /** A namespace file that this process and the host's children can open before they change the pid namespace. */
    | { readonly kind: 'path'; readonly path: string };
  /** Contents of the three files that are bind-mounted without trace; absent: the image's own file stays. */
  readonly files: {
    readonly resolvConf?: string;
    readonly hosts?: string;
    readonly hostname?: string;
  };
  /** Variables that the container needs to use this network (a proxy); the spec's own win. */
  readonly env: readonly string[];
  /** The container's addresses with prefix lengths (`10.91.0.5/24`); empty for none and host. */
  readonly addresses: readonly string[];
  readonly gateway?: string;
  readonly macAddress?: string;
  /** The published ports with the host ports that were chosen. */
  readonly ports: readonly PublishedPort[];
  /** A program with its arguments that gives the network back when nobody of us is there; for the keeper to run. */
  readonly endCommand?: readonly string[];
  /**
   * The container lives on without this process: the network is from now on the container's, and is given back when it is
   * removed or found dead. Disposing does nothing afterwards.
   */
  handOver(): void | Promise<void>;
}
