import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';
import { forEachName } from './each.ts';
import { parseRestart } from './life-flags.ts';
import { LIMIT_FLAGS, limitChangeOf } from './limit-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  description:
    'Changes limits of containers, at once where they run and for their next starts. A limit of 0 stays what it is; --memory alone leaves memory and swap together as they are.',
  flags: [
    ...LIMIT_FLAGS,
    {
      kind: 'text',
      name: 'restart',
      value: 'POLICY',
      summary: 'start it again when it ends: no, always, unless-stopped, on-failure[:TIMES]',
    },
  ],
  refused: [{ name: 'kernel-memory', why: 'kernels have no such limit any more' }],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [
    { command: 'shale update -m 512m --memory-swap 1g web', says: 'more or less memory, while it runs' },
    { command: 'shale update --restart unless-stopped web', says: 'keep it running from now on' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  if (!command.flags.some(({ name }) => flags.given(name)))
    throw new UsageError('nothing is to be changed', 'shale update --memory 512m CONTAINER');
  const restart = flags.text('restart');
  const limits = limitChangeOf(flags);
  const request = {
    ...(restart !== undefined && { restart: parseRestart(restart) }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  const engine = await context.engine();
  return await forEachName(context, args, async (name) => {
    const warnings = await engine.update(name, request);
    await context.stdout.write(`${name}\n`);
    for (const warning of warnings) await context.stderr.write(`warning: ${warning}\n`);
  });
}
