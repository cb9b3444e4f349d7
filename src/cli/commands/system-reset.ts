import type { Command } from '../command.ts';
import { confirm } from './confirm.ts';
import { FORCE_FLAG } from './list-flags.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Stops every container and removes containers, images, volumes and build cache. Nothing can be had back.',
  flags: [FORCE_FLAG],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale system reset', says: 'asks first' }],
  run: async (context, { flags }) => {
    const { settings } = await context.config();
    if (!flags.boolean('force')) await confirm(context, `Remove everything in ${settings.home}?`);
    await (await context.engine()).reset({ signal: context.signal });
    await context.stdout.write(`removed everything in ${settings.home}\n`);
  },
};
