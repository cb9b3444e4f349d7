import type { Network } from '../../engine/index.ts';
import type { Command } from '../command.ts';
import { FORMAT_FLAG_OF_INSPECT, inspectEach } from './inspect-each.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK …',
  flags: [FORMAT_FLAG_OF_INSPECT],
  refused: [{ name: 'verbose', short: 'v', why: 'shale runs containers on this machine only' }],
  args: { min: 1, max: Infinity },
  examples: [{ command: "shale network inspect -f '{{json .Containers}}' back", says: 'who is on it' }],
  run: async (context, parsed) => {
    const engine = await context.engine();
    return await inspectEach(context, parsed, async (name) => networkJson(await engine.inspectNetwork(name)));
  },
};

/** docker's JSON of a network. */
function networkJson(network: Network): Record<string, unknown> {
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
