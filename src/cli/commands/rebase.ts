import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { RebaseOutcome } from '../../engine/index.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';
import { optional } from './run.ts';

const FOUND_SOMETHING = 2;

export const command: Command = {
  usage: '[OPTIONS] IMAGE --onto BASE',
  description:
    'Puts the layers of an application onto another base, without building: a base with security updates, for one. What the image took over from its base (variables, labels, the command) it takes over from the new one. Refused, with the list of paths and status 2, where the layers of the application touch what the new base has otherwise, or hold programs that miss something there.',
  flags: [
    { kind: 'text', name: 'onto', value: 'IMAGE', summary: 'the new base' },
    {
      kind: 'text',
      name: 'base',
      value: 'IMAGE',
      summary: 'the base that it was made on; found by what the name of the new one led to before',
    },
    { kind: 'list', name: 'tag', short: 't', value: 'NAME[:TAG]', summary: 'name the new image' },
    { kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale rebase web --onto debian:stable-slim -t web', says: 'after debian:stable-slim was made anew' },
    {
      command: 'shale rebase web --base debian:12 --onto debian:13',
      says: 'onto another release, if nothing speaks against it',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const [image = ''] = args;
  const onto = flags.text('onto');
  if (onto === undefined) throw new UsageError('rebase needs --onto', 'shale rebase web --onto debian:stable-slim');
  const engine = await context.engine();
  const outcome = await engine.rebase({
    image,
    onto,
    tags: flags.list('tag'),
    ...optional('base', flags.text('base')),
  });
  const isJson = flags.text('format') === 'json';
  await context.stdout.write(isJson ? `${JSON.stringify(outcome, undefined, 2)}\n` : formatOutcome(outcome));
  if (outcome.kind === 'refused') {
    if (!isJson) await context.stderr.write(`${image} was not put onto ${onto}\n`);
    return FOUND_SOMETHING;
  }
  if (!isJson) await context.stderr.write(outcome.tags.map((tag) => `named ${tag}\n`).join(''));
  return 0;
}

const BY_BASE = { added: 'new in', changed: 'changed in', removed: 'gone from', moved: 'lies elsewhere in' } as const;

/** The id of the new image, or what speaks against it, a line each. */
export function formatOutcome(outcome: RebaseOutcome): string {
  if (outcome.kind === 'rebased') return `${outcome.imageId}\n`;
  const lines = [
    ...outcome.conflicts.map(
      ({ path, inBase, above }) => `${path}: ${above} by the image, ${BY_BASE[inBase]} the new base`,
    ),
    ...outcome.programs.map(({ path, missing }) => `${path}: needs ${missing}, which the new base does not have`),
  ];
  return lines.map((line) => `${displayLine(line)}\n`).join('');
}
