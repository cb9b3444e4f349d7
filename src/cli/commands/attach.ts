import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseDetachKeys } from '../options/detach-keys.ts';
import { UsageError } from '../usage-error.ts';
import { waitInForeground } from './foreground.ts';
import { terminalSize } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  description:
    'Connects to the streams of a running container. The detach keys leave it running; the exit status is that of the container.',
  flags: [
    { kind: 'boolean', name: 'no-stdin', summary: 'do not pass standard input on' },
    { kind: 'boolean', name: 'sig-proxy', default: true, summary: 'pass signals on' },
    { kind: 'text', name: 'detach-keys', value: 'KEYS', summary: 'keys that leave it running alone (ctrl-p,ctrl-q)' },
  ],
  args: { min: 1, max: 1, complete: 'container' },
  examples: [{ command: 'shale attach shell', says: 'type into a container that was started with -dit' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const [container = ''] = args;
  const engine = await context.engine();
  const detachKeys = parseDetachKeys(flags.text('detach-keys'));
  const { Config } = await engine.inspect(container, 'container');
  const { OpenStdin, Tty } = Config as { readonly OpenStdin: boolean; readonly Tty: boolean }; // Docker's shape, ours.
  const interactive = OpenStdin && !flags.boolean('no-stdin');
  if (interactive && Tty && !context.stdin.isTerminal) throw new UsageError('the input device is not a terminal');
  const request = { container, interactive, ...terminalSize(context) };
  const started = await engine.attach(request, { signal: context.signal });
  return await waitInForeground(context, started, { interactive, detachKeys, passSignals: flags.boolean('sig-proxy') });
}
