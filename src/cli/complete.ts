import type { Command, Flag } from './command.ts';
import { allFlags } from './common-flags.ts';
import type { Context } from './context.ts';
import type { Engine } from '../engine/index.ts';
import { commandsOfNoun, resolveCommand } from './resolve-command.ts';
import { COMMANDS } from './table.ts';

export interface Candidate {
  readonly value: string;
  readonly summary: string;
}

/** What may stand at the cursor: one of these, or a path. */
export type Completion = readonly Candidate[] | 'files';

const FILE_VALUES = new Set(['FILE', '[SOURCE:]TARGET[:ro]']);

/**
 * What may stand in the place of the last of `words` (which may be empty). Never throws; where nothing is known there
 * are no candidates.
 */
export async function complete(words: readonly string[], context: Context): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  try {
    const found = await candidates(before, current, context);
    return found === 'files' ? found : found.filter((one) => one.value.startsWith(current));
  } catch {
    return [];
  }
}

/** The answer as the scripts read it. */
export function formatCompletion(completion: Completion): string {
  if (completion === 'files') return ':files\n';
  return completion.map((one) => `${one.value}\t${one.summary}\n`).join('');
}

async function candidates(before: readonly string[], current: string, context: Context): Promise<Completion> {
  const [first] = before;
  if (first === undefined) return firstWords();
  const nouns = `${before.join(' ')} `;
  const members = commandsOfNoun(first).filter(({ name }) => name.startsWith(nouns));
  if (members.length > 0) {
    const next = members.map(({ name, row }) => ({ value: name.slice(nouns.length), summary: row.summary }));
    const nested = next.map(({ value }) => value.split(' ')).filter(([, verb]) => verb !== undefined);
    const groups = new Set(nested.map(([noun = '']) => noun));
    return [
      ...next.filter(({ value }) => !value.includes(' ')),
      ...Array.from(groups, (noun) => ({ value: noun, summary: `commands for ${noun}` })),
    ];
  }
  const { row, words } = resolveCommand(before);
  const { command } = await row.load();
  return await afterCommand(command, words, current, context);
}

function firstWords(): Candidate[] {
  const nouns = new Map<string, string>();
  for (const row of COMMANDS) {
    for (const name of [row.name, ...row.aliases.map((alias) => alias.name)]) {
      const [noun = '', verb] = name.split(' ');
      if (verb === undefined) nouns.set(noun, row.summary);
      else if (!nouns.has(noun)) nouns.set(noun, `commands for ${noun}`);
    }
  }
  return [...nouns].map(([value, summary]) => ({ value, summary }));
}

async function afterCommand(
  command: Command,
  words: readonly string[],
  current: string,
  context: Context,
): Promise<Completion> {
  const flags = allFlags(command);
  const { args, open } = readSoFar(words, flags, command.args.optionsFirst === true);
  if (open !== undefined) return flagValues(open);
  const attached = /^--([^=]+)=/.exec(current);
  if (attached !== null) {
    const flag = flags.find((one) => one.name === attached[1]);
    const values = flag === undefined ? [] : flagValues(flag);
    return values === 'files' ? values : values.map((one) => ({ ...one, value: `--${attached[1]}=${one.value}` }));
  }
  const optionsOver = words.includes('--') || (command.args.optionsFirst === true && args.length > 0);
  if (current.startsWith('-') && !optionsOver)
    return flags.map((flag) => ({ value: `--${flag.name}`, summary: flag.summary }));
  return await argumentValues(command, args.length, context);
}

/** The arguments so far, and the flag whose value is typed next. */
function readSoFar(
  words: readonly string[],
  flags: readonly Flag[],
  optionsFirst: boolean,
): { args: readonly string[]; open?: Flag } {
  const args: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--' || (optionsFirst && args.length > 0)) return { args: [...args, ...words.slice(at)] };
    const flag = waitingFlag(word, flags);
    if (flag === undefined) {
      if (!word.startsWith('-') || word === '-') args.push(word);
    } else if (++at >= words.length) return { args, open: flag };
  }
  return { args };
}

/** The flag of this word when its value is the next word. */
function waitingFlag(word: string, flags: readonly Flag[]): Flag | undefined {
  if (!word.startsWith('-') || word === '-' || word.includes('=')) return undefined;
  const flag = word.startsWith('--')
    ? flags.find((one) => one.name === word.slice(2))
    : flags.find((one) => one.short === word.at(-1));
  return flag?.kind === 'boolean' || (flag?.kind === 'text' && flag.bare !== undefined) ? undefined : flag;
}

function flagValues(flag: Flag): Completion {
  if (flag.kind === 'text' && flag.choices !== undefined) {
    return flag.choices.map((value) => ({ value, summary: flag.summary }));
  }
  if (flag.kind === 'boolean') return ['true', 'false'].map((value) => ({ value, summary: flag.summary }));
  return FILE_VALUES.has(flag.value) ? 'files' : [];
}

async function argumentValues(command: Command, given: number, context: Context): Promise<Completion> {
  const kind = command.args.complete;
  if (command.args.optionsFirst === true && given > 0) return 'files';
  if (kind === undefined || given >= command.args.max) return [];
  if (kind === 'file') return 'files';
  if (kind === 'command') return firstWords();
  if (typeof kind !== 'string') return kind.map((value) => ({ value, summary: '' }));
  const engine = await context.engine();
  if (kind === 'build') return await buildNames(engine);
  return kind === 'image' ? await imageNames(engine) : await containerNames(engine);
}

async function imageNames(engine: Engine): Promise<Candidate[]> {
  const images = await engine.images({ all: false });
  return images.flatMap(({ tag, id }) =>
    tag === undefined ? [] : [{ value: `${tag.repository}:${tag.tag}`, summary: id.slice(7, 19) }],
  );
}

async function buildNames(engine: Engine): Promise<Candidate[]> {
  const builds = await engine.builds();
  return builds.map((one) => ({ value: one.id, summary: `${one.name}, ${one.status}` }));
}

async function containerNames(engine: Engine): Promise<Candidate[]> {
  const containers = await engine.containers({ all: true });
  return containers.map((one) => ({ value: one.name, summary: `${one.image}, ${one.state.kind}` }));
}
