import type { CopyPlace } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';
import { requireNoTerminal, writeArchive } from './archive-output.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER:SOURCE DESTINATION|-  or  SOURCE|- CONTAINER:DESTINATION',
  description:
    'Copies files between a container, running or not, and this machine; with - a tar from standard input or to standard output. DIR/. means what is in a directory. Links of a container lead nowhere out of it.',
  flags: [
    { kind: 'boolean', name: 'archive', short: 'a', summary: 'keep owners' },
    { kind: 'boolean', name: 'follow-link', short: 'L', summary: 'copy what a link leads to' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'say nothing; there is nothing said anyway' },
  ],
  args: { min: 2, max: 2, complete: 'file' },
  examples: [
    { command: 'shale cp web:/etc/nginx ./nginx', says: 'a directory out of a container' },
    { command: 'shale cp site/. web:/usr/share/nginx/html', says: 'what is in a directory into one' },
    { command: 'shale cp web:/var/log - | tar -t', says: 'as a tar' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [source = '', destination = ''] = args;
  const [from, to] = [parsePlace(source, context.cwd), parsePlace(destination, context.cwd)];
  const keepOwners = flags.boolean('archive');
  const followLink = flags.boolean('follow-link');
  if (from.kind === 'stream' && to.kind !== 'container')
    throw new UsageError('a tar from standard input goes into a container', 'shale cp - CONTAINER:PATH');
  if (to.kind === 'stream' && from.kind !== 'container')
    throw new UsageError('a tar for standard output comes out of a container', 'shale cp CONTAINER:PATH -');
  if (from.kind === 'container' && to.kind === 'container')
    throw new UsageError('copying between containers is not supported', 'copy through this machine, or pipe a tar');
  if (from.kind === 'host' && to.kind === 'host')
    throw new UsageError('must specify at least one container source', 'shale cp CONTAINER:PATH .');
  const engine = await context.engine();
  if (to.kind === 'stream' && from.kind === 'container') {
    requireNoTerminal(context, undefined);
    const { container, path } = from;
    await writeArchive(context, undefined, engine.copyOut({ container, path, followLink }));
  } else if (from.kind === 'stream' && to.kind === 'container')
    await engine.copyIn(context.stdin.bytes(), { container: to.container, path: to.path, keepOwners });
  else if (from.kind !== 'stream' && to.kind !== 'stream') await engine.copy({ from, to, followLink, keepOwners });
}

/** `CONTAINER:PATH`, `-`, or a path of this machine: one that begins with `/` or `.` never names a container. */
export function parsePlace(text: string, cwd: string): CopyPlace | { readonly kind: 'stream' } {
  if (text === '-') return { kind: 'stream' };
  const colon = text.indexOf(':');
  if (colon > 0 && !/^[/.]/.test(text)) {
    return { kind: 'container', container: text.slice(0, colon), path: text.slice(colon + 1) };
  }
  return { kind: 'host', path: text.startsWith('/') ? text : `${cwd}/${text}` };
}
