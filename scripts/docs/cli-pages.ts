import type { Command, CommandGroup, CommandRow } from '../../src/cli/command.ts';
import { allFlags } from '../../src/cli/common-flags.ts';
import { flagSummary, flagValueText } from '../../src/cli/help.ts';
import { COMMANDS, GROUP_TITLES } from '../../src/cli/table.ts';

const NOTE = '<!-- Made from the command table by "npm run docs". -->\n\n';

/** The pages of `docs/cli/` by path: one for each command, and the list of them. */
export async function cliPages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>([['docs/cli/README.md', overview()]]);
  for (const row of COMMANDS) {
    const { command } = await row.load();
    pages.set(`docs/cli/${fileName(row)}`, page(row, command));
  }
  return pages;
}

function fileName(row: CommandRow): string {
  return `${row.name.replaceAll(' ', '-')}.md`;
}

function overview(): string {
  const groups = Object.entries(GROUP_TITLES) as [CommandGroup, string][]; // The record has exactly these keys.
  const sections = groups.map(([group, title]) => {
    const rows = COMMANDS.filter((row) => row.group === group);
    const lines = rows.map((row) => `| [\`shale ${row.name}\`](${fileName(row)}) | ${cell(row.summary)} |\n`);
    return `## ${title}\n\n| command | does |\n|---|---|\n${lines.join('')}`;
  });
  return `${NOTE}# Commands\n\n${sections.join('\n')}`;
}

function page(row: CommandRow, command: Command): string {
  const flags = allFlags(command).map((flag) => {
    const short = flag.short === undefined ? '' : `\`-${flag.short}\`, `;
    const value = flagValueText(flag);
    return `| ${short}\`--${flag.name}${cell(value)}\` | ${cell(flagSummary(flag))} |\n`;
  });
  const refused = (command.refused ?? []).map((flag) => {
    const instead = flag.instead === undefined ? '' : ` Instead: \`${cell(flag.instead)}\`.`;
    return `| \`--${flag.name}\` | ${cell(flag.why)}.${instead} |\n`;
  });
  const examples = command.examples.map((one) => `# ${one.says}\n${one.command}\n`);
  return [
    `${NOTE}# shale ${row.name}\n`,
    `    shale ${row.name}${command.usage === '' ? '' : ` ${command.usage}`}\n`,
    `${row.summary.charAt(0).toUpperCase()}${row.summary.slice(1)}.\n`,
    ...(command.description === undefined ? [] : [`${describe(command.description)}\n`]),
    ...(row.aliases.length === 0 ? [] : [`Also: ${row.aliases.map((one) => `\`shale ${one.name}\``).join(', ')}.\n`]),
    `## Options\n\n| option | does |\n|---|---|\n${flags.join('')}`,
    ...(refused.length === 0
      ? []
      : [`## Options of docker that are refused\n\n| option | why |\n|---|---|\n${refused.join('')}`]),
    ...(examples.length === 0 ? [] : [`## Examples\n\n\`\`\`sh\n${examples.join('\n')}\`\`\`\n`]),
  ].join('\n');
}

/** Indented lines are kept as they stand. */
function describe(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith('  ') ? `    ${line.trimStart()}` : line))
    .join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
