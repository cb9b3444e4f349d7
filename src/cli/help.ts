import type { Command, CommandGroup, CommandRow, Flag } from './command.ts';
import { allFlags } from './common-flags.ts';
import { cutToWidth, padToWidth, textWidth } from './output/text-width.ts';
import { COMMANDS, GROUP_TITLES } from './table.ts';

const DEFAULT_COLUMNS = 100;
const INDENT = 2;

/** `shale help`: every command with its summary. */
export function formatOverview(columns: number = DEFAULT_COLUMNS): string {
  const width = Math.max(...COMMANDS.map((row) => row.name.length)) + INDENT;
  const groups = Object.keys(GROUP_TITLES) as CommandGroup[]; // The record has exactly these keys.
  const sections = groups.map((group) => {
    const rows = COMMANDS.filter((row) => row.group === group);
    return `${GROUP_TITLES[group]}:\n${rows.map((row) => pair(row.name, row.summary, width, columns)).join('')}`;
  });
  return [
    'shale: container images without a daemon\n',
    'usage: shale COMMAND [OPTIONS] …\n',
    ...sections,
    'shale help COMMAND shows its options, with examples.\n',
  ].join('\n');
}

/** `shale help system`: the commands of one noun. */
export function formatNounHelp(
  noun: string,
  members: readonly { readonly name: string; readonly row: CommandRow }[],
  columns: number = DEFAULT_COLUMNS,
): string {
  const width = Math.max(...members.map((one) => one.name.length)) + INDENT;
  const lines = members.map(({ name, row }) => pair(name, row.summary, width, columns));
  return `usage: shale ${noun} COMMAND\n\n${lines.join('')}`;
}

/** `shale COMMAND --help`. */
export function formatCommandHelp(row: CommandRow, command: Command, columns: number = DEFAULT_COLUMNS): string {
  const flags = allFlags(command);
  const width = Math.max(...flags.map((flag) => flagLeft(flag).length)) + INDENT;
  const sections = [
    `usage: shale ${row.name}${command.usage === '' ? '' : ` ${command.usage}`}\n`,
    `${upperFirst(row.summary)}.\n`,
    ...(command.description === undefined ? [] : [`${wrap(command.description, columns)}\n`]),
    ...(row.aliases.length === 0 ? [] : [`Also: ${row.aliases.map((alias) => `shale ${alias.name}`).join(', ')}\n`]),
    `Options:\n${flags.map((flag) => pair(flagLeft(flag), flagSummary(flag), width, columns)).join('')}`,
  ];
  if (command.examples.length > 0) {
    const examples = command.examples.map((one) => `  # ${one.says}\n  ${one.command}\n`);
    sections.push(`Examples:\n${examples.join('\n')}`);
  }
  return sections.join('\n');
}

/** `-e, --env NAME=VALUE`. */
export function flagLeft(flag: Flag): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  return `${short}--${flag.name}${flagValueText(flag)}`;
}

/** ` VALUE`, or `[=VALUE]` where the flag means something without one. */
export function flagValueText(flag: Flag): string {
  if (flag.kind === 'boolean') return '';
  return flag.kind === 'text' && flag.bare !== undefined ? `[=${flag.value}]` : ` ${flag.value}`;
}

/** The summary with choices and default. */
export function flagSummary(flag: Flag): string {
  const notes: string[] = [];
  if (flag.kind === 'text' && flag.choices !== undefined) notes.push(flag.choices.join(', '));
  if (flag.kind === 'text' && flag.bare !== undefined) notes.push(`alone ${flag.bare}`);
  if (flag.kind === 'text' && flag.default !== undefined) notes.push(`default ${flag.default}`);
  if (flag.kind === 'boolean' && flag.default === true) notes.push(`on unless --${flag.name}=false`);
  if (flag.kind === 'list') notes.push('may be repeated');
  return notes.length === 0 ? flag.summary : `${flag.summary} (${notes.join('; ')})`;
}

/** Two columns; on a narrow terminal the right one wraps below itself. */
function pair(left: string, right: string, width: number, columns: number): string {
  const indent = ' '.repeat(INDENT);
  const room = columns - width - INDENT;
  if (room < 20) return `${indent}${cutToWidth(left, Math.max(1, columns - INDENT))}\n${indent}  ${right}\n`;
  const [first = '', ...rest] = wrap(right, room).split('\n');
  const lines = [
    `${indent}${padToWidth(left, width)}${first}`,
    ...rest.map((line) => ' '.repeat(INDENT + width) + line),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Breaks paragraphs at blanks; words that are longer than a line stand alone; indented lines are left as they are. */
export function wrap(text: string, columns: number): string {
  return text
    .split('\n')
    .map((paragraph) => (paragraph.startsWith(' ') ? paragraph : wrapLine(paragraph, columns)))
    .join('\n');
}

function wrapLine(paragraph: string, columns: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
