import { scriptsOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

/** Speaks through what the program ShellCheck finds; alone it finds nothing but what the grammar refuses. */
export const shellcheck: LintRule = {
  id: 'shellcheck',
  aliases: [],
  topic: 'shell',
  severity: 'warning',
  title: 'scripts of RUN are ones that a shell can read',
  why: 'A text that the shell cannot read ends the step. Where the program ShellCheck is installed, everything that it finds in the scripts is told under its own numbers (SC2086), at the exact place.',
  bad: 'FROM debian:12\nRUN if true; then echo yes',
  good: 'FROM debian:12\nRUN if true; then echo yes; fi',
  fix: 'none',
  *check(file) {
    for (const { script } of scriptsOf(file)) {
      const [first] = script.errors;
      if (first !== undefined)
        yield {
          message: `the shell cannot read this: ${first.message}`,
          span: { start: first.start, end: Math.max(first.end, first.start + 1) },
        };
    }
  },
};
