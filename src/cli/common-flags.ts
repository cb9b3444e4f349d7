import type { Command, Flag } from './command.ts';

const HELP: Flag = { kind: 'boolean', name: 'help', short: 'h', summary: 'show this help' };
const DEBUG: Flag = { kind: 'boolean', name: 'debug', short: 'D', summary: 'show codes and stacks of errors' };

/** The flags that every command has, without the letters that it uses itself (`run -h` is the host name). */
export function allFlags(command: Command): readonly Flag[] {
  const taken = new Set([...command.flags, ...(command.refused ?? [])].map((flag) => flag.short));
  const common = [DEBUG, HELP].map((flag) => {
    const { short, ...rest } = flag;
    return short === undefined || taken.has(short) ? rest : flag;
  });
  return [...command.flags, ...common];
}
