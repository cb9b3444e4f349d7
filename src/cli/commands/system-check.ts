import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { CheckReport } from '../../engine/index.ts';
import { EXIT } from '../exit-codes.ts';
import { humanSize } from '../output/human.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description: 'Ends with 0 when the store is sound, with 2 when something is damaged (and was not repaired).',
  flags: [
    { kind: 'boolean', name: 'full', summary: 'read every blob and compare it with its digest' },
    { kind: 'boolean', name: 'repair', summary: 'rebuild what is derived, set aside what is damaged' },
    { kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' },
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale system check --full', says: 'read everything' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<number> {
  const engine = await context.engine();
  const request = { full: flags.boolean('full'), repair: flags.boolean('repair') };
  const report = await engine.check(request, { signal: context.signal });
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
