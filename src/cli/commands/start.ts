import { ShaleError } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseDetachKeys } from '../options/detach-keys.ts';
import { forEachName } from './each.ts';
import { waitInForeground } from './foreground.ts';
import { terminalSize } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER …',
  description:
    'Starts containers that were made or have ended, on the files that they left. With -a or -i the exit status is that of the container.',
  flags: [
    { kind: 'boolean', name: 'attach', short: 'a', summary: 'pass output and signals on' },
    { kind: 'boolean', name: 'interactive', short: 'i', summary: 'pass standard input on too' },
    { kind: 'text', name: 'detach-keys', value: 'KEYS', summary: 'keys that leave it running alone (ctrl-p,ctrl-q)' },
  ],
  refused: [
    { name: 'checkpoint', why: 'shale makes no checkpoints' },
    { name: 'checkpoint-dir', why: 'shale makes no checkpoints' },
  ],
  args: { min: 1, max: Infinity, complete: 'container' },
  examples: [
    { command: 'shale start web', says: 'again, with what it has written' },
    { command: 'shale start -ai shell', says: 'and type into it' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const interactive = flags.boolean('interactive');
  const attach = flags.boolean('attach') || interactive;
  const detachKeys = parseDetachKeys(flags.text('detach-keys'));
  if (attach && args.length > 1)
    throw new ShaleError('START_ONE', 'you cannot start and attach multiple containers at once');
  const engine = await context.engine();
  const watch = { signal: context.signal };
  if (attach) {
    const request = { container: args[0] ?? '', attach, interactive, ...terminalSize(context) };
    const started = await engine.start(request, watch);
    return await waitInForeground(context, started, { interactive, detachKeys, passSignals: true });
  }
  return await forEachName(context, args, async (name) => {
    await engine.start({ container: name, attach: false, interactive: false }, watch);
    await context.stdout.write(`${name}\n`);
  });
}
