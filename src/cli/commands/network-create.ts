import type { NetworkSubnet } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseAssignment, parseLabels } from '../options/assignments.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME',
  description:
    'Prints the id. Containers on the network find each other by name; other networks do not reach them. Its interface and rules are there while a container is on it.',
  flags: [
    {
      kind: 'text',
      name: 'driver',
      short: 'd',
      value: 'DRIVER',
      choices: ['bridge'],
      summary: 'the only one there is',
    },
    {
      kind: 'list',
      name: 'subnet',
      value: 'CIDR',
      summary: 'its addresses, as 10.1.0.0/24; a free subnet if not given',
    },
    { kind: 'list', name: 'gateway', value: 'ADDRESS', summary: 'the address of this machine on it' },
    { kind: 'list', name: 'ip-range', value: 'CIDR', summary: 'the part of the subnet that addresses are given from' },
    { kind: 'boolean', name: 'internal', summary: 'nothing outside is reached from it' },
    { kind: 'boolean', name: 'ipv6', summary: 'addresses of IPv6 too' },
    { kind: 'list', name: 'label', value: 'KEY[=VALUE]', summary: 'label the network' },
    {
      kind: 'list',
      name: 'opt',
      short: 'o',
      value: 'NAME=VALUE',
      summary: 'com.docker.network.bridge.name or com.docker.network.driver.mtu',
    },
    { kind: 'boolean', name: 'attachable', summary: 'taken and without effect: every network is' },
  ],
  refused: [
    { name: 'ipv4', why: 'every network has IPv4' },
    { name: 'aux-address', why: 'addresses are not kept back', instead: '--ip-range' },
    { name: 'ipam-driver', why: 'addresses are given by shale' },
    { name: 'ipam-opt', why: 'addresses are given by shale' },
    { name: 'ingress', why: 'shale runs containers on this machine only' },
    { name: 'scope', why: 'shale runs containers on this machine only' },
    { name: 'config-only', why: 'networks have no templates' },
    { name: 'config-from', why: 'networks have no templates' },
  ],
  args: { min: 1, max: 1 },
  examples: [
    { command: 'shale network create back', says: 'containers on it find each other by name' },
    { command: 'shale network create --internal --subnet 10.1.0.0/24 vault', says: 'without a way out' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const network = await engine.createNetwork({
    name: args[0] ?? '',
    subnets: parseSubnets(flags),
    internal: flags.boolean('internal'),
    ipv6: flags.boolean('ipv6'),
    labels: parseLabels(flags.list('label')),
    options: Object.fromEntries(flags.list('opt').map((word) => parseAssignment('--opt', word))),
  });
  await context.stdout.write(`${network.id}\n`);
}

/** Gateways and ranges belong to the subnet of their kind of address. @throws USAGE */
function parseSubnets(flags: ParsedFlags): NetworkSubnet[] {
  const kindOf = (text: string): string => (text.includes(':') ? '6' : '4');
  const subnets = flags.list('subnet');
  const partOf = (name: 'gateway' | 'ip-range', subnet: string): string | undefined =>
    flags.list(name).find((text) => kindOf(text) === kindOf(subnet));
  for (const name of ['gateway', 'ip-range'] as const) {
    for (const text of flags.list(name)) {
      if (subnets.some((subnet) => kindOf(subnet) === kindOf(text))) continue;
      throw new UsageError(`--${name} ${text} needs --subnet`);
    }
  }
  return subnets.map((subnet) => {
    const [gateway, range] = [partOf('gateway', subnet), partOf('ip-range', subnet)];
    return { subnet, ...(gateway !== undefined && { gateway }), ...(range !== undefined && { range }) };
  });
}
