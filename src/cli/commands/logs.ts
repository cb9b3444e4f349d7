import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { LogQuery } from '../../engine/index.ts';
import { parseMoment, parseTail } from '../options/times.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  flags: [
    { kind: 'boolean', name: 'follow', short: 'f', summary: 'go on as the container prints' },
    { kind: 'text', name: 'tail', short: 'n', value: 'LINES', default: 'all', summary: 'only the last lines' },
    { kind: 'text', name: 'since', value: 'TIME', summary: 'only what is newer: 10m, or 2026-01-02T15:04:05' },
    { kind: 'boolean', name: 'timestamps', short: 't', summary: 'begin lines with their time' },
  ],
  refused: [
    { name: 'until', why: 'the end of the log cannot be chosen' },
    { name: 'details', why: 'logs have no more details' },
  ],
  args: { min: 1, max: 1, complete: 'container' },
  examples: [
    { command: 'shale logs -f web', says: 'watch a server' },
    { command: 'shale logs --tail 20 -t web', says: 'the last lines, with times' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const query = logQuery(flags, context.now());
  const timestamps = flags.boolean('timestamps');
  const engine = await context.engine();
  for await (const line of engine.logs(args[0] ?? '', query, { signal: context.signal })) {
    const output = line.stream === 'stdout' ? context.stdout : context.stderr;
    const stamp = timestamps ? Buffer.from(`${new Date(line.timeMs).toISOString()} `) : undefined;
    await output.write(stamp === undefined ? line.data : Buffer.concat([stamp, line.data]));
  }
}

function logQuery(flags: ParsedArguments['flags'], nowMs: number): LogQuery {
  const tail = parseTail(flags.text('tail') ?? 'all');
  const since = flags.text('since');
  return {
    follow: flags.boolean('follow'),
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { sinceMs: parseMoment('--since', since, nowMs) }),
  };
}
