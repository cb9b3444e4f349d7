import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { FORMAT_FLAG_OF_INSPECT, inspectEach } from './inspect-each.ts';

const TYPES = ['image', 'container'] as const;

export const command: Command = {
  usage: '[OPTIONS] NAME …',
  description: 'Prints a JSON list with what docker prints, as far as it exists here; or a Go template for each.',
  flags: [
    FORMAT_FLAG_OF_INSPECT,
    { kind: 'boolean', name: 'size', short: 's', summary: 'count what containers take on disk' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    { kind: 'text', name: 'type', value: 'TYPE', choices: TYPES, summary: 'look for these only' },
  ],
  args: { min: 1, max: Infinity, complete: 'image' },
  examples: [
    { command: 'shale inspect web', says: 'everything' },
    { command: "shale inspect -f '{{.State.ExitCode}}' web", says: 'one value' },
    { command: "shale inspect -f '{{json .Config.Env}}' debian", says: 'one value as JSON' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const type = TYPES.find((one) => one === parsed.flags.text('type'));
  const platform = parsed.flags.text('platform');
  const engine = await context.engine();
  return await inspectEach(context, parsed, (name) =>
    engine.inspect(name, type, { size: parsed.flags.boolean('size'), ...(platform !== undefined && { platform }) }),
  );
}
