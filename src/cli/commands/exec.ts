import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { ExecRequest } from '../../engine/index.ts';
import { readEnvironment } from '../options/assignments.ts';
import { PROCESS_FLAGS } from './container-flags.ts';
import { waitInForeground } from './foreground.ts';
import { optional, requireTerminal, terminalSize } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER COMMAND [ARG …]',
  description: 'The exit status is that of the command, 126 when it cannot be executed, 127 when it is not there.',
  flags: [
    ...PROCESS_FLAGS,
    { kind: 'boolean', name: 'privileged', summary: 'give the command every right that the machine gives' },
  ],
  refused: [{ name: 'detach-keys', why: 'an attached command is not left running' }],
  args: { min: 2, max: Infinity, optionsFirst: true, complete: 'container' },
  examples: [
    { command: 'shale exec -it web sh', says: 'a shell in a running container' },
    { command: 'shale exec web cat /etc/os-release', says: 'one command' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const request = execRequest(context, parsed);
  requireTerminal(context, request);
  const engine = await context.engine();
  const started = await engine.exec(request, { signal: context.signal });
  if (request.detach) return await started.exit;
  const options = { interactive: request.interactive, detachKeys: new Uint8Array(), passSignals: true };
  return await waitInForeground(context, started, options);
}

/** @throws USAGE */
export function execRequest(context: Context, { flags, args }: ParsedArguments): ExecRequest {
  const [container = '', ...words] = args;
  return {
    container,
    command: words,
    environment: readEnvironment(flags.list('env'), flags.list('env-file'), context.env),
    ...optional('workingDirectory', flags.text('workdir')),
    ...optional('user', flags.text('user')),
    interactive: flags.boolean('interactive'),
    terminal: flags.boolean('tty'),
    ...(flags.boolean('tty') && terminalSize(context)),
    detach: flags.boolean('detach'),
    privileged: flags.boolean('privileged'),
  };
}
