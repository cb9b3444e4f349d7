import { firstFailure, isShaleError } from '../base/index.ts';
import { allFlags } from './common-flags.ts';
import type { Command, CommandRow, ParsedArguments } from './command.ts';
import type { Context } from './context.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { parseFlags } from './parse-flags.ts';
import { otherStoreNote } from './other-store.ts';
import { PLAIN_COMMANDS } from './plain-commands.ts';
import { reportError } from './report-error.ts';
import { commandsOfNoun, resolveCommand } from './resolve-command.ts';
import { UsageError } from './usage-error.ts';

/**
 * Runs one command line (the words after `shale`) and gives its exit status. Never throws: what a command throws is
 * told on standard error.
 */
export async function runCommandLine(words: readonly string[], context: Context): Promise<number> {
  const debug = words.some((word) => word === '--debug' || word === '-D');
  try {
    const { words: rest, debug: early } = takeGlobalFlags(words);
    return await dispatch(rest, { ...context, debug: early || context.debug });
  } catch (error) {
    return await fail(error, { ...context, debug: debug || context.debug });
  }
}

interface GlobalFlags {
  readonly words: readonly string[];
  readonly debug: boolean;
}

/** `-D` and `--debug` before the command; docker's flags for its daemon are refused there. */
function takeGlobalFlags(words: readonly string[]): GlobalFlags {
  const [first = ''] = words;
  if (first === '--debug' || first === '-D') return { ...takeGlobalFlags(words.slice(1)), debug: true };
  if (/^(-H|--host|-c|--context|--tls\w*|--config|-l|--log-level)(=|$)/.test(first)) {
    throw new UsageError(
      `${first.split('=')[0]}: there is no daemon to talk to`,
      'SHALE_HOME=/other/store shale … for another store',
    );
  }
  return { words, debug: false };
}

async function dispatch(words: readonly string[], context: Context): Promise<number> {
  const [first, second] = words;
  if (first === undefined || first === '--help' || first === '-h') return await dispatch(['help'], context);
  if (first === '__complete') return await printCompletion(words.slice(1), context);
  if (first === '--version' || first === '-v') return await dispatch(['version', ...words.slice(1)], context);
  if (first.startsWith('-')) throw new UsageError(`unknown flag ${first}`, 'shale help');
  if (commandsOfNoun(first).length > 0 && (second === undefined || second === '--help' || second === '-h')) {
    return await dispatch(['help', first], context);
  }
  const { row, words: rest } = resolveCommand(words);
  const { command } = await row.load();
  const parsed = parseCommand(row, command, rest);
  if (parsed === 'help') return await dispatch(['help', ...row.name.split(' ')], context);
  const own = { ...context, debug: context.debug || parsed.flags.boolean('debug') };
  // Not before the words are known to be right: it starts the program anew.
  if (!PLAIN_COMMANDS.has(row.name)) await context.enterNamespace();
  try {
    return (await command.run(own, parsed)) ?? EXIT.success;
  } catch (error) {
    return await fail(error, own, command.failureStatus);
  }
}

async function printCompletion(words: readonly string[], context: Context): Promise<number> {
  const { complete, formatCompletion } = await import('./complete.ts');
  await context.stdout.write(formatCompletion(await complete(words, context)));
  return EXIT.success;
}

/**
 * Reads a command's words; `help` when they ask for it.
 * @throws USAGE
 */
export function parseCommand(row: CommandRow, command: Command, words: readonly string[]): ParsedArguments | 'help' {
  const { min, max, optionsFirst = false } = command.args;
  try {
    const parsed = parseFlags(words, { flags: allFlags(command), refused: command.refused ?? [], optionsFirst });
    if (parsed.flags.boolean('help')) return 'help';
    if (parsed.args.length < min) throw new UsageError(`it needs ${count(min)}`);
    if (parsed.args.length > max)
      throw new UsageError(max === 0 ? 'it takes no arguments' : `it takes at most ${count(max)}`);
    return parsed;
  } catch (error) {
    if (!isShaleError(error, 'USAGE')) throw error;
    throw new UsageError(`${row.name}: ${error.message}`, error.hint ?? `shale ${row.name} --help`);
  }
}

function count(number: number): string {
  return number === 1 ? 'one argument' : `${number} arguments`;
}

async function fail(thrown: unknown, context: Context, failureStatus?: number): Promise<number> {
  const error = firstFailure(thrown);
  // After Ctrl-C the signal's handler decides how the process ends, and nobody wants to read that they pressed it.
  if (!isShaleError(error, 'OUTPUT_CLOSED') && !(context.signal.aborted && isCancellation(error))) {
    const report = reportError(thrown, { debug: context.debug, colors: context.stderr.colors });
    await context.stderr.write(report + (otherStoreNote(error, context) ?? '')).catch(() => undefined); // There is nowhere left to tell it.
  }
  return exitCodeOf(error, failureStatus);
}

function isCancellation(error: unknown): boolean {
  return isShaleError(error, 'CANCELED') || (error instanceof Error && error.name === 'AbortError');
}
