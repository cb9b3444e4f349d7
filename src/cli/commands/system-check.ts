import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { CheckReport } from '../../engine/index.ts';
import { EXIT } from '../exit-codes.ts';
import { humanSize } from '../output/human.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Ends with 0 when the store is sound, with 2 when something is damaged (and was not repaired).',
  flags: [
    { kind: 'boolean', name: 'full', summary: 'read every blob, index and tree and compare them with their digests' },
    {
      kind: 'boolean',
      name: 'repair',
      summary: 'make anew what follows from the rest, a lost database too; remove damaged bytes',
    },
    { kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale system check --full', says: 'read everything' },
    { command: 'shale system check --full --repair', says: 'and mend what can be mended' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<number> {
  const request = { full: flags.boolean('full'), repair: flags.boolean('repair') };
  const report = await context.checkStore(request, { signal: context.signal });
  const json = flags.text('format') === 'json';
  await context.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : formatCheck(report));
  return report.findings.every((finding) => finding.repaired) ? EXIT.success : EXIT.found;
}

export function formatCheck(report: CheckReport): string {
  const lines = report.findings.map(
    (finding) => `${finding.repaired ? 'repaired' : 'damaged '}  ${finding.subject}: ${finding.problem}\n`,
  );
  const open = report.findings.filter((finding) => !finding.repaired).length;
  const verdict =
    open === 0 ? 'the store is sound' : `${open} damaged; "shale system check --repair" repairs what it can`;
  return `${lines.join('')}checked ${report.checkedBlobs} blobs, ${humanSize(report.checkedBytes)}: ${verdict}\n`;
}
