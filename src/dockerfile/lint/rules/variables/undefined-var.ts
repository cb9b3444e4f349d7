import type { LintFound, LintRule } from '../../rule.ts';
import type { LintFile } from '../../file.ts';
import { stepAt } from '../../look.ts';
import { renamed } from '../../renamed.ts';

export const undefinedVar: LintRule = {
  id: 'undefined-var',
  aliases: ['UndefinedVar'],
  topic: 'variables',
  severity: 'warning',
  title: 'variables are declared before they are used',
  why: 'A variable that neither ARG nor ENV has set is empty, without an error: `COPY x $PREFX/bin/` copies to /bin/. The base image may have set it; where nothing is said of the base, the finding is a mild one.',
  bad: 'FROM scratch\nARG PREFIX=/opt\nWORKDIR $PREFX/app',
  good: 'FROM scratch\nARG PREFIX=/opt\nWORKDIR $PREFIX/app',
  fix: 'unsafe',
  *check(file): Iterable<LintFound> {
    for (const finding of file.buildChecks) {
      if (finding.rule !== 'UndefinedVar') continue;
      const name = /'\$(\w+)'/.exec(finding.message)?.[1] ?? '';
      const fix = renamed(finding, file);
      const isFromBase = fix === undefined && stepAt(file, finding.span.start)?.stage?.rootImage !== '';
      yield {
        message: isFromBase ? `nothing here sets $${name}; perhaps the base image does` : `nothing sets $${name}`,
        span: useOf(file, finding.span.start, finding.span.end, name),
        ...(isFromBase ? { severity: 'info' } : {}),
        ...(fix === undefined ? {} : { fix }),
      };
    }
  },
};

/** Where the variable stands in the instruction. */
function useOf({ dockerfile }: LintFile, start: number, end: number, name: string): LintFound['span'] {
  const match = new RegExp(`\\$(?:\\{${name}[^}]*\\}?|${name}(?!\\w))`).exec(dockerfile.source.text.slice(start, end));
  return match === null ? { start, end } : { start: start + match.index, end: start + match.index + match[0].length };
}
