import type { Formatter } from './formats.ts';
import { xml } from './xml.ts';

/** JUnit's XML: a suite for each file, a failed case for each finding; a file without findings is one case that passed. */
export const junit: Formatter = (reports) => {
  const suites = reports.map(({ file, findings }) => {
    const cases = findings.map(
      ({ rule, code, severity, message, start }) =>
        `    <testcase name="${xml(code ?? rule.id)} at ${start.line}:${start.column}" classname="${xml(file)}">\n` +
        `      <failure type="${severity}" message="${xml(message)}">${xml(`${file}:${start.line}:${start.column}: ${message}`)}</failure>\n` +
        '    </testcase>\n',
    );
    const body = cases.length === 0 ? `    <testcase name="shale lint" classname="${xml(file)}"/>\n` : cases.join('');
    const tests = Math.max(1, findings.length);
    return `  <testsuite name="${xml(file)}" tests="${tests}" failures="${findings.length}">\n${body}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
};
