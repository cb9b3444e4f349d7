import { isShaleError } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: [{ kind: 'boolean', name: 'force', short: 'f', summary: 'it is no error when it is not on it' }],
  args: { min: 2, max: 2 },
  examples: [{ command: 'shale network disconnect back postgres', says: 'take a container off a network' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [network = '', container = ''] = args;
  const engine = await context.engine();
  try {
    await engine.disconnectNetwork(container, network);
  } catch (error) {
    if (!(flags.boolean('force') && isShaleError(error, 'NETWORK_NOT_CONNECTED'))) throw error;
  }
}
