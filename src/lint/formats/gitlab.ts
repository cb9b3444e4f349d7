import { createHash } from 'node:crypto';
import type { Formatter } from './formats.ts';

const SEVERITIES = { error: 'critical', warning: 'major', info: 'minor', style: 'info' } as const;

/** GitLab's code quality report (a subset of Code Climate's). A fingerprint stays when lines above are added. */
export const gitlab: Formatter = (reports) => {
  const rows = reports.flatMap(({ file, text, findings }) => {
    const seen = new Map<string, number>();
    return findings.map(({ rule, code, severity, message, start, end, span }) => {
      const what = `${file}\0${code ?? rule.id}\0${message}\0${text.slice(span.start, span.end)}`;
      const times = seen.get(what) ?? 0;
      seen.set(what, times + 1);
      return {
        description: message,
        check_name: code ?? rule.id,
        fingerprint: createHash('sha256').update(`${what}\0${times}`).digest('hex'),
        severity: SEVERITIES[severity],
        location: { path: file, lines: { begin: start.line, end: end.line } },
      };
    });
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
};
