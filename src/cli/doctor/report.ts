import type { DoctorReport, Finding } from './examine.ts';

const COLOR = { ok: '\u001B[32m', limited: '\u001B[33m', missing: '\u001B[31m' } as const;
const NAME_COLUMNS = 17;

/** The report for people: a line per finding, and below it what its lack costs and what mends it. */
export function formatDoctor(report: DoctorReport, colors: boolean): string {
  const lines = report.findings.map((finding) => formatFinding(finding, colors));
  return `level: ${report.level}: ${report.gives}\n\n${lines.join('')}`;
}

function formatFinding({ name, status, found, costs, fix }: Finding, colors: boolean): string {
  const label = status.padEnd(8);
  const head = `${colors ? `${COLOR[status]}${label}\u001B[0m` : label} ${name.padEnd(NAME_COLUMNS)}${found}\n`;
  const indent = ' '.repeat(9 + NAME_COLUMNS);
  return [
    head,
    ...(costs === undefined ? [] : [`${indent}costs: ${costs}\n`]),
    ...(fix === undefined ? [] : [`${indent}try: ${fix}\n`]),
  ].join('');
}
