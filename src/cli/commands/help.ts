import type { Command } from '../command.ts';
import { formatCommandHelp, formatNounHelp, formatOverview } from '../help.ts';
import { commandsOfNoun, resolveCommand } from '../resolve-command.ts';

export const command: Command = {
  usage: '[COMMAND]',
  flags: [],
  args: { min: 0, max: 3, complete: 'command' },
  examples: [{ command: 'shale help build', says: 'about one command' }],
  run: async (context, { args }) => {
    const columns = Math.min(context.stdout.size()?.columns ?? 100, 100);
    const [noun] = args;
    if (noun === undefined) return await context.stdout.write(formatOverview(columns));
    const members = args.length === 1 ? commandsOfNoun(noun) : [];
    if (members.length > 0) return await context.stdout.write(formatNounHelp(noun, members, columns));
    const { row } = resolveCommand(args);
    const { command: found } = await row.load();
    await context.stdout.write(formatCommandHelp(row, found, columns));
  },
};
