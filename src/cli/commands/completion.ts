import type { Command } from '../command.ts';
import { COMPLETION_SCRIPTS, SHELLS } from '../completion-scripts.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: SHELLS.join('|'),
  flags: [],
  args: { min: 1, max: 1, complete: SHELLS },
  examples: [
    { command: 'source <(shale completion bash)', says: 'for this shell' },
    { command: 'shale completion zsh > "${fpath[1]}/_shale"', says: 'for every zsh' },
    { command: 'shale completion fish > ~/.config/fish/completions/shale.fish', says: 'for every fish' },
  ],
  run: async (context, { args }) => {
    const shell = SHELLS.find((one) => one === args[0]);
    if (shell === undefined)
      throw new UsageError(`completion: there is none for ${args[0]}`, `shale completion ${SHELLS.join('|')}`);
    await context.stdout.write(COMPLETION_SCRIPTS[shell]);
  },
};
