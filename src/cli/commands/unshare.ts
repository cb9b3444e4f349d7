import { constants } from 'node:os';
import { isSystemError, ShaleError } from '../../base/index.ts';
import { standingOf } from '../../privilege/index.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

export const command: Command = {
  usage: '[COMMAND [ARG…]]',
  description:
    'In the user namespace of the store the files that containers wrote have the owners that the containers gave them, and can be read and removed. Without a command it starts a shell. Only without root: root sees them as they are.',
  flags: [],
  args: { min: 0, max: Infinity, optionsFirst: true, complete: 'command' },
  examples: [
    { command: 'shale unshare', says: 'a shell' },
    { command: 'shale unshare ls -ln ~/.local/share/shale/volumes', says: 'owners as containers see them' },
  ],
  failureStatus: 125,
  run: async (context, { args }) => {
    if (standingOf() !== 'inside') {
      throw new ShaleError('NOT_PERMITTED', 'there is no user namespace to go to', {
        hint: standingOf() === 'root' ? 'root needs none' : 'shale doctor says what is missing',
      });
    }
    const [program = context.env['SHELL'] || 'sh', ...rest] = args;
    const { spawn } = await import('node:child_process');
    const child = spawn(program, rest, { stdio: 'inherit' });
    // The program gets what the terminal sends, as everybody in its group.
    using _signals = context.takeSignals(() => undefined);
    return await new Promise((resolve, reject) => {
      child.once('error', (cause) => {
        const exitCode = isSystemError(cause, 'ENOENT') ? EXIT.notFound : EXIT.cannotExecute;
        reject(
          new ShaleError('START_FAILED', `cannot start ${program}: ${cause.message}`, { cause, data: { exitCode } }),
        );
      });
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    });
  },
};
