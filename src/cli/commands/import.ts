import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { ImportRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { optional } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] FILE|- [NAME[:TAG]]',
  description: 'The tar may be compressed. Every file of it becomes part of the one layer of the image.',
  flags: [
    { kind: 'list', name: 'change', short: 'c', value: 'INSTRUCTION', summary: 'apply a Dockerfile instruction' },
    { kind: 'text', name: 'message', short: 'm', value: 'TEXT', summary: 'a comment for the history' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'what the files are for; this machine by default' },
  ],
  args: { min: 1, max: 2, complete: 'file' },
  examples: [
    { command: 'shale import rootfs.tar.gz alpine:3.20', says: 'from a file' },
    { command: `tar -C root -c . | shale import -c 'CMD ["/bin/sh"]' - mine`, says: 'from a folder' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const [source = ''] = parsed.args;
  if (/^https?:\/\//.test(source))
    throw new UsageError('shale imports files, not addresses', `curl -fL ${source} | shale import - …`);
  if (source === '-' && context.stdin.isTerminal) throw new UsageError('a tar is not read from a terminal');
  const bytes = source === '-' ? context.stdin.bytes() : createReadStream(resolve(context.cwd, source));
  const engine = await context.engine();
  const { imageId } = await engine.importImage(bytes, importRequest(parsed), { signal: context.signal });
  await context.stdout.write(`${imageId}\n`);
}

export function importRequest({ flags, args }: ParsedArguments): ImportRequest {
  return {
    ...optional('tag', args[1]),
    changes: flags.list('change'),
    ...optional('message', flags.text('message')),
    ...optional('platform', flags.text('platform')),
  };
}
