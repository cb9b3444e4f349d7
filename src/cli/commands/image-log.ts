import type { TagLogEntry, TagOrigin } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { humanAgo, humanTime, shortDigest } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { displayLine } from '../output/text-width.ts';
import { FORMAT_FLAG, NO_TRUNC_FLAG, quietFlag } from './list-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  description:
    'Where a tag led and leads, the newest move first: the command that moved it and, for builds, the Dockerfile and the commit that was checked out. "--format json" has all that is known of each: Dockerfile, context, commit, base images, what ADD fetched.',
  flags: [quietFlag('print ids only'), NO_TRUNC_FLAG, FORMAT_FLAG],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale image log web', says: 'where web:latest led' },
    { command: "shale image log --format '{{.ID}} {{.Commit}}' web", says: 'which commit each image is of' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const entries = await engine.tagLog(args[0] ?? '');
  const format = flags.text('format');
  if (format === 'json') {
    await context.stdout.write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    return;
  }
  const layout = tagLogLayout({ nowMs: context.now(), whole: flags.boolean('no-trunc') });
  await context.stdout.write(formatList(entries, layout, { format, quiet: flags.boolean('quiet') }));
}

/** The columns of a tag's history. */
export function tagLogLayout(options: { nowMs: number; whole: boolean }): ListLayout<TagLogEntry> {
  const { nowMs, whole } = options;
  const short = (text: string | undefined): string => (text === undefined ? '' : whole ? text : text.slice(0, 12));
  return {
    columns: [
      {
        name: 'ID',
        title: 'IMAGE ID',
        value: ({ imageId }) => (imageId === undefined ? '<none>' : whole ? imageId : shortDigest(imageId)),
      },
      { name: 'MovedSince', title: 'MOVED', value: (row) => humanAgo(row.movedMs, nowMs) },
      { name: 'MovedAt', title: 'MOVED AT', value: (row) => humanTime(row.movedMs) },
      { name: 'By', title: 'BY', value: (row) => displayLine(row.reason) },
      { name: 'Dockerfile', title: 'DOCKERFILE', value: ({ origin }) => displayLine(origin?.dockerfile ?? '') },
      { name: 'Commit', title: 'COMMIT', value: ({ origin }) => commitOf(origin, short) },
      { name: 'State', title: 'STATE', value: stateOf },
    ],
    table: ['ID', 'MovedSince', 'By', 'Dockerfile', 'Commit', 'State'],
    quiet: 'ID',
  };
}

function commitOf(origin: TagOrigin | undefined, short: (text: string | undefined) => string): string {
  const commit = short(origin?.commit);
  return origin?.branch === undefined ? commit : `${commit} (${displayLine(origin.branch)})`;
}

function stateOf({ imageId, isCurrent, isHere }: TagLogEntry): string {
  if (imageId === undefined) return 'untagged';
  return isCurrent ? 'current' : isHere ? 'here' : 'removed';
}
