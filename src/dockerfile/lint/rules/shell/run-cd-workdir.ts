import { type Fix, insertion } from '../../fix.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const runCdWorkdir: LintRule = {
  id: 'run-cd-workdir',
  aliases: ['DL3003', 'DS-0013'],
  topic: 'shell',
  severity: 'info',
  title: 'WORKDIR says where a step works, not cd',
  why: '`cd` holds to the end of its step only, and each step says it again. WORKDIR holds for all that follow, stands where readers look, and makes the directory.',
  bad: 'FROM debian:12\nRUN cd /src && make',
  good: 'FROM debian:12\nWORKDIR /src\nRUN make',
  fix: 'unsafe',
  changes: 'The working directory of later steps and of the image.',
  *check(file) {
    for (const { step, script, invocation } of usesOf(file, 'cd')) {
      const [target] = invocation.args;
      if (target === undefined || invocation.isSubshell || invocation.isConditional || target.text === '-') continue;
      const [first, second] = script.statements;
      const isFirst =
        first?.invocations[0] === invocation && second?.joint === '&&' && script.form === 'shell' && !script.isHeredoc;
      const edits =
        isFirst && target.text.startsWith('/') && target.isKnown && !step.isTrigger
          ? [
              insertion(step.node.start, `WORKDIR ${target.text}\n`),
              { start: first.start, end: second.start, text: '' },
            ]
          : [];
      const fix: Fix = { title: `write WORKDIR ${target.text}`, safety: 'unsafe', effect: 'files', edits };
      yield {
        message: `WORKDIR ${target.text} says this for all steps that follow`,
        span: { start: invocation.word.start, end: target.end },
        ...(edits.length === 0 ? {} : { fix }),
      };
    }
  },
};
