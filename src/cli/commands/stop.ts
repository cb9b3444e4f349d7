import type { StopOptions } from '../../engine/index.ts';
import type { Command, Flag, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseStopSeconds } from '../options/times.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { forEachName } from './each.ts';

/** Flags of `stop` and `restart`. */
export const STOP_FLAGS: readonly Flag[] = [
  { kind: 'text', name: 'signal', short: 's', value: 'SIGNAL', summary: 'what is sent first' },
  {
    kind: 'text',
    name: 'timeout',
    short: 't',
    value: 'SECONDS',
    summary: 'how long to wait before killing; -1 waits on',
  },
  { kind: 'text', name: 'time', value: 'SECONDS', summary: 'another name for --timeout' },
];

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  description:
    'Sends the stop signal of the container (SIGTERM by default), waits ten seconds or as --stop-timeout said, and kills what is still there.',
  flags: STOP_FLAGS,
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [{ command: 'shale stop -t 2 web', says: 'kill after two seconds' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const options = stopOptions(flags);
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    await engine.stop(name, options, { signal: context.signal });
    await context.stdout.write(`${name}\n`);
  });
}

/** @throws USAGE */
export function stopOptions(flags: ParsedFlags): StopOptions {
  const seconds = flags.text('timeout') ?? flags.text('time');
  const signal = flags.text('signal');
  return {
    ...(seconds !== undefined && { seconds: parseStopSeconds(seconds) }),
    ...(signal !== undefined && { signal }),
  };
}
