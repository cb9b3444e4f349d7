import type { Command } from '../command.ts';
import { compileTemplate } from '../output/template.ts';
import { SHALE_VERSION } from '../../base/index.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  flags: [{ kind: 'text', name: 'format', short: 'f', value: 'FORMAT', summary: 'json, or a Go template' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale version', says: 'which shale, which Node' }],
  run: async (context, { flags }) => {
    const facts = { Version: SHALE_VERSION, Node: process.versions.node, Os: process.platform, Arch: process.arch };
    const format = flags.text('format');
    await context.stdout.write(formatVersion(facts, format));
  },
};

function formatVersion(facts: Readonly<Record<string, string>>, format: string | undefined): string {
  if (format === 'json') return `${JSON.stringify(facts)}\n`;
  if (format !== undefined) return `${compileTemplate(format).render(facts)}\n`;
  return `shale ${facts['Version']} (Node ${facts['Node']}, ${facts['Os']} ${facts['Arch']})\n`;
}
