import type { Network, Volume } from '../../engine/index.ts';

/** docker's JSON of a network. */
export function networkJson(network: Network): Record<string, unknown> {
  const members = network.containers.map(({ id, name, macAddress, address, address6 }) => [
    id,
    { Name: name, EndpointID: '', MacAddress: macAddress, IPv4Address: address, IPv6Address: address6 },
  ]);
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.createdMs).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: network.subnets.map(({ subnet, gateway, range }) => ({
        Subnet: subnet,
        ...(range !== undefined && { IPRange: range }),
        ...(gateway !== undefined && { Gateway: gateway }),
      })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(members),
    Options: network.options,
    Labels: network.labels,
  };
}

/** docker's JSON of a volume. */
export function volumeJson(volume: Volume): Record<string, unknown> {
  return {
    CreatedAt: new Date(volume.createdMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    Driver: 'local',
    Labels: orNull(volume.anonymous ? { 'com.docker.volume.anonymous': '', ...volume.labels } : volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: 'local',
  };
}

function orNull(fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  return Object.keys(fields).length === 0 ? null : fields;
}
