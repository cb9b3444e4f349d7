import { type Fix, insertion } from '../../fix.ts';
import { scriptsOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const heredocErrexit: LintRule = {
  id: 'heredoc-errexit',
  aliases: [],
  topic: 'shell',
  severity: 'warning',
  title: 'the script of a heredoc ends at its first error',
  why: 'Lines of a heredoc are joined by nothing: when one fails the next runs, and the step succeeds when the last line does. `set -e` ends it at the first error.',
  bad: 'FROM debian:12\nRUN <<EOF\nmake\nmake install\nEOF',
  good: 'FROM debian:12\nRUN <<EOF\nset -e\nmake\nmake install\nEOF',
  fix: 'unsafe',
  changes: 'A step that had a failing line ends there.',
  *check(file) {
    if (file.dockerfile.isExtended) return;
    for (const { step, script } of scriptsOf(file)) {
      const [heredoc] = step.node.heredocs;
      if (!script.isHeredoc || heredoc === undefined || script.statements.length < 2) continue;
      if (script.statements.slice(1).every(({ joint }) => joint === '&&')) continue;
      if (
        /^#!\S+(?:\s+\S+)?\s+-\w*e/.test(script.text) ||
        (step.before.shell ?? []).some((word) => /^-[a-z]*e/.test(word))
      )
        continue;
      if (
        script.invocations.some(
          ({ name, args }) => name === 'set' && args.some(({ text }) => /^-\w*e|^errexit$/.test(text)),
        )
      )
        continue;
      const at = heredoc.start + (/^#!.*\r?\n/.exec(heredoc.content)?.[0].length ?? 0);
      const fix: Fix = { title: 'add set -e', safety: 'unsafe', effect: 'none', edits: [insertion(at, 'set -e\n')] };
      yield {
        message: 'when a line of this script fails the next one runs',
        span: { start: step.node.start, end: heredoc.start - 1 },
        fix,
      };
    }
  },
};
