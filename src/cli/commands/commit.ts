import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { CommitRequest } from '../../engine/index.ts';
import { optional } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [NAME[:TAG]]',
  flags: [
    { kind: 'text', name: 'author', short: 'a', value: 'TEXT', summary: 'who made it' },
    { kind: 'text', name: 'message', short: 'm', value: 'TEXT', summary: 'a comment for the history' },
    { kind: 'list', name: 'change', short: 'c', value: 'INSTRUCTION', summary: 'apply a Dockerfile instruction' },
    { kind: 'boolean', name: 'pause', short: 'p', default: true, summary: 'freeze the container meanwhile' },
  ],
  args: { min: 1, max: 2, complete: 'container' },
  examples: [
    { command: 'shale commit web web:fixed', says: 'keep what was changed by hand' },
    { command: `shale commit -c 'CMD ["serve"]' web web:new`, says: 'with another command' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const { imageId } = await engine.commit(commitRequest(parsed), { signal: context.signal });
  await context.stdout.write(`${imageId}\n`);
}

export function commitRequest({ flags, args }: ParsedArguments): CommitRequest {
  const [container = '', tag] = args;
  return {
    container,
    ...optional('tag', tag),
    ...optional('author', flags.text('author')),
    ...optional('message', flags.text('message')),
    changes: flags.list('change'),
    pause: flags.boolean('pause'),
  };
}
