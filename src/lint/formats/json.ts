import type { Formatter } from './formats.ts';

/** One array with an object for each finding; lines and columns from 1, the end behind the last character. */
export const json: Formatter = (reports) => {
  const rows = reports.flatMap(({ file, findings }) =>
    findings.map(({ rule, code, severity, message, start, end, fix, pin }) => ({
      file,
      rule: rule.id,
      aliases: code === undefined ? rule.aliases : [code],
      severity,
      message,
      line: start.line,
      column: start.column,
      endLine: end.line,
      endColumn: end.column,
      ...(fix === undefined
        ? {}
        : { fix: { title: fix.title, safety: fix.safety, effect: fix.effect, edits: fix.edits } }),
      ...(pin === undefined ? {} : { pin: { kind: pin.kind, name: pin.name } }),
    })),
  );
  return `${JSON.stringify(rows, null, 2)}\n`;
};
