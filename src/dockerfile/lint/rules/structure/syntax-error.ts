import type { LintRule } from '../../rule.ts';

/** Faults for which there is a rule of its own. */
const OTHERS: ReadonlySet<string> = new Set([
  'INSTRUCTION_UNKNOWN',
  'STAGE_MISSING',
  'ONBUILD_TRIGGER',
  'FILE_EMPTY',
  'NO_STAGE',
]);

export const syntaxError: LintRule = {
  id: 'syntax-error',
  aliases: ['DL1000'],
  topic: 'structure',
  severity: 'error',
  title: 'the file can be built',
  why: 'What is wrong here makes every build end before its first step. The rest of the file is checked all the same.',
  bad: 'FROM debian:12\nCOPY --form=build /app /app',
  good: 'FROM debian:12\nCOPY --from=build /app /app',
  fix: 'none',
  *check({ buildErrors, dockerfile: { source } }) {
    for (const { code, message, hint, start, end } of buildErrors) {
      if (OTHERS.has(code)) continue;
      const at = (line: number, column: number): number => (source.lineStarts[line - 1] ?? 0) + column - 1;
      const span = { start: at(start.line, start.column), end: at(end.line, end.column) };
      yield { message: hint === undefined ? message : `${message} (${hint})`, span };
    }
  },
};
