import type { CommandRow } from './command.ts';
import { refusedCommand } from './refusals.ts';
import { suggest } from './suggest.ts';
import { COMMANDS } from './table.ts';
import { UsageError } from './usage-error.ts';

export interface ResolvedCommand {
  readonly row: CommandRow;
  /** What is left for the flag parser, with the flags that an alias implies in front. */
  readonly words: readonly string[];
}

/**
 * Finds the command that the first words name: `run`, `image ls`, `system df`.
 * @throws USAGE with the nearest command, or with why shale has no such command.
 */
export function resolveCommand(words: readonly string[]): ResolvedCommand {
  for (const length of [3, 2, 1]) {
    const name = words.slice(0, length).join(' ');
    for (const row of COMMANDS) {
      if (row.name === name) return { row, words: words.slice(length) };
      const alias = row.aliases.find((one) => one.name === name);
      if (alias !== undefined) return { row, words: [...(alias.implies ?? []), ...words.slice(length)] };
    }
  }
  throw unknownCommand(words);
}

/** The commands whose names begin with `noun` (`system`), aliases included; none when it is no such noun. */
export function commandsOfNoun(noun: string): { readonly name: string; readonly row: CommandRow }[] {
  return COMMANDS.flatMap((row) =>
    [row.name, ...row.aliases.map((alias) => alias.name)]
      .filter((name) => name.startsWith(`${noun} `))
      .map((name) => ({ name, row })),
  );
}

function unknownCommand(words: readonly string[]): UsageError {
  const refused = refusedCommand(words);
  if (refused !== undefined) return new UsageError(`${refused.name}: ${refused.why}`, refused.instead);
  const [first = '', second] = words;
  const family = commandsOfNoun(first);
  const typed = family.length > 0 && second !== undefined ? `${first} ${second}` : first;
  const names = family.length > 0 ? family.map((one) => one.name) : oneWordNames();
  const near = suggest(typed, names);
  if (family.length > 0) {
    const all = `shale ${first} knows ${names.map((name) => name.slice(first.length + 1)).join(', ')}`;
    return new UsageError(
      second === undefined ? `${first} needs to be told what to do` : `unknown command: ${typed}`,
      near === undefined ? all : `shale ${near}`,
    );
  }
  return new UsageError(`unknown command: ${typed}`, near === undefined ? 'shale help' : `shale ${near}`);
}

function oneWordNames(): string[] {
  return COMMANDS.map((row) => row.name.split(' ', 1)[0] ?? '');
}
