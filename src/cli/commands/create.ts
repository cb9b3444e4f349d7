import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { openIdFile } from '../options/id-file.ts';
import { openProgress } from '../progress/open.ts';
import { buildAtNeed } from './build-at-need.ts';
import { command as runCommand, runRequest } from './run.ts';

/** Flags of `run` that say how the command is waited for, and what is done meanwhile. */
const FOREGROUND = ['attach', 'detach', 'detach-keys', 'sig-proxy', 'trace-files'];

export const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG …]',
  description: 'Makes a container as "shale run" does, without starting it, and prints its id.',
  flags: runCommand.flags.filter((flag) => !FOREGROUND.includes(flag.name)),
  refused: [
    ...(runCommand.refused ?? []),
    { name: 'attach', short: 'a', why: 'what is passed on is said when it starts', instead: 'shale start -a' },
  ],
  args: { min: 1, max: Infinity, optionsFirst: true, complete: 'image' },
  examples: [
    { command: 'shale create --name web -p 8080:80 nginx', says: 'a server, to be started later' },
    { command: 'shale create --name once --rm debian true', says: 'removed when it is done' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const { settings } = await context.config();
  // With a terminal it is to be attached to at its start: its input ends with that.
  const request = runRequest(context, parsed, settings.networkDefault, false);
  using idFile = openIdFile(parsed.flags.text('cidfile'));
  await using progress = openProgress(context, parsed.flags.boolean('quiet') ? 'quiet' : settings.progress, {
    whenNeeded: true,
  });
  const engine = await context.engine();
  const wanted = await buildAtNeed(context, engine, { request, watch: progress.watch });
  const { containerId } = await engine.create(wanted, progress.watch);
  idFile.write(containerId);
  await progress.close();
  await context.stdout.write(`${containerId}\n`);
}
