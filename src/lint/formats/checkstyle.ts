import type { Formatter } from './formats.ts';
import { xml } from './xml.ts';

const SEVERITIES = { error: 'error', warning: 'warning', info: 'info', style: 'info' } as const;

/** Checkstyle's XML, which most CI servers read. */
export const checkstyle: Formatter = (reports) => {
  const files = reports.map(({ file, findings }) => {
    const errors = findings.map(
      ({ rule, code, severity, message, start }) =>
        `    <error line="${start.line}" column="${start.column}" severity="${SEVERITIES[severity]}" message="${xml(message)}" source="shale.${xml(code ?? rule.id)}"/>\n`,
    );
    return `  <file name="${xml(file)}">\n${errors.join('')}  </file>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<checkstyle version="4.3">\n${files.join('')}</checkstyle>\n`;
};
