import type { Formatter } from './formats.ts';

const COMMANDS = { error: 'error', warning: 'warning', info: 'notice', style: 'notice' } as const;

/** Workflow commands of GitHub Actions, which become annotations beside the lines. */
export const github: Formatter = (reports) =>
  reports
    .flatMap(({ file, findings }) =>
      findings.map(({ rule, code, severity, message, start, end }) => {
        const place = { file, line: start.line, col: start.column, endLine: end.line, endColumn: end.column };
        const properties = Object.entries({ ...place, title: code ?? rule.id }).map(
          ([name, value]) => `${name}=${escapeProperty(String(value))}`,
        );
        return `::${COMMANDS[severity]} ${properties.join(',')}::${escapeData(message)}\n`;
      }),
    )
    .join('');

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
