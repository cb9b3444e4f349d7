import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { addressOf } from '../options/networks.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  description: 'A running container is on the network at once, another one when it starts.',
  flags: [
    { kind: 'list', name: 'alias', value: 'NAME', summary: 'a further name for it on this network' },
    { kind: 'text', name: 'ip', value: 'ADDRESS', summary: 'its address' },
    { kind: 'text', name: 'ip6', value: 'ADDRESS', summary: 'its IPv6 address' },
  ],
  refused: [
    { name: 'link', why: 'containers are not linked', instead: '--alias NAME' },
    { name: 'link-local-ip', why: 'shale sets no link-local addresses' },
    { name: 'driver-opt', why: 'places on a network have no options' },
    { name: 'gw-priority', why: 'the first network is the way out' },
  ],
  args: { min: 2, max: 2 },
  examples: [{ command: 'shale network connect --alias db back postgres', says: 'one more network for a container' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [name = '', container = ''] = args;
  const aliases = flags.list('alias');
  const engine = await context.engine();
  await engine.connectNetwork(container, {
    name,
    ...(aliases.length > 0 && { aliases }),
    ...addressOf('--ip', 'address', flags.text('ip')),
    ...addressOf('--ip6', 'address6', flags.text('ip6')),
  });
}
