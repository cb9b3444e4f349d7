import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseStopSeconds } from '../options/times.ts';
import { forEachName } from './each.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  description: 'Sends the stop signal of the image (SIGTERM by default), waits, and kills what is still there.',
  flags: [
    {
      kind: 'text',
      name: 'time',
      short: 't',
      value: 'SECONDS',
      summary: 'how long to wait before killing; -1 waits on',
    },
    { kind: 'text', name: 'timeout', value: 'SECONDS', summary: 'another name for --time' },
  ],
  refused: [{ name: 'signal', short: 's', why: 'the image says it (STOPSIGNAL)' }],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale stop -t 2 web', says: 'kill after two seconds' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const text = flags.text('time') ?? flags.text('timeout');
  const options = text === undefined ? {} : { seconds: parseStopSeconds(text) };
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.stop(name, options, { signal: context.signal });
    await context.stdout.write(`${name}\n`);
  });
}
