import { exampleRecord } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';

export const notReproducible: LintRule = {
  id: 'not-reproducible',
  aliases: [],
  topic: 'measured',
  severity: 'info',
  title: 'a step makes the same layer each time',
  why: 'A step that writes the time, a random number or a log makes another image each time, though nothing has changed: it cannot be checked by building again, and everything above it is pushed and pulled anew. The rule reads the records of builds and tells a step that made two layers of equal inputs, with what differs first and why it may. `shale verify` looks for all of it.',
  bad: 'FROM debian:12\nRUN make\nRUN date > /built',
  good: 'FROM debian:12\nRUN make',
  fix: 'none',
  record: exampleRecord({
    line: 3,
    otherwise: {
      buildId: 'b1',
      example: '/built',
      more: false,
      cause: 'time stamp',
      mend: 'have the program take SOURCE_DATE_EPOCH for the time',
    },
  }),
  *check(file) {
    for (const { line, otherwise } of file.measured?.steps ?? []) {
      const step = file.steps.find(({ node }) => node.firstLine === line);
      if (step === undefined || otherwise === undefined) continue;
      const { buildId, example, more, cause, mend } = otherwise;
      const others = more ? ' and more' : '';
      const why = cause === 'unknown' ? '' : `, probably by a ${cause}`;
      yield {
        message: `build ${buildId} of the same inputs wrote ${example}${others} otherwise${why}: ${mend}`,
        span: step.node,
      };
    }
  },
};
