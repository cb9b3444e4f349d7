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
    { kind: 'text', name: 'until', value: 'TIME', summary: 'only what is older' },
    { kind: 'boolean', name: 'timestamps', short: 't', summary: 'begin lines with their time' },
  ],
  refused: [{ name: 'details', why: 'logs have no more details' }],
  args: { min: 1, max: 1, complete: 'container' },
  examples: [
    { command: 'shale logs -f web', says: 'watch a server' },
    { command: 'shale logs --tail 20 -t web', says: 'the last lines, with times' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const query = logQuery(flags, context.now());
  const engine = await context.engine();
  for await (const { stream, bytes } of engine.logs(args[0] ?? '', query, { signal: context.signal })) {
    await (stream === 'stdout' ? context.stdout : context.stderr).write(bytes);
  }
}

function logQuery(flags: ParsedArguments['flags'], nowMs: number): LogQuery {
  const tail = parseTail(flags.text('tail') ?? 'all');
  const since = flags.text('since');
  const until = flags.text('until');
  return {
    follow: flags.boolean('follow'),
    timestamps: flags.boolean('timestamps'),
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { sinceMs: parseMoment('--since', since, nowMs) }),
    ...(until === undefined ? {} : { untilMs: parseMoment('--until', until, nowMs) }),
  };
}
