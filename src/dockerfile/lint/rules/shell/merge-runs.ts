import { mergeRuns } from '../../edits.ts';
import type { Fix } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const mergeConsecutiveRuns: LintRule = {
  id: 'merge-runs',
  aliases: ['DL3059'],
  topic: 'shell',
  severity: 'info',
  title: 'steps that belong together are one RUN',
  why: 'Each RUN is a layer, and what one leaves behind the next cannot take away. Steps that always run together cost less as one; keep them apart where the first is to come from the cache.',
  bad: 'FROM debian:12\nRUN mkdir /opt/app\nRUN touch /opt/app/ready',
  good: 'FROM debian:12\nRUN mkdir /opt/app \\\n    && touch /opt/app/ready',
  fix: 'unsafe',
  changes: 'One layer instead of two; the files are the same.',
  *check(file) {
    for (const [index, step] of file.steps.entries()) {
      const before = file.steps[index - 1];
      if (step.name !== 'run' || before?.name !== 'run' || step.isTrigger || before.isTrigger) continue;
      if (
        step.stage !== before.stage ||
        step.node.flags.map(({ text }) => text).join() !== before.node.flags.map(({ text }) => text).join()
      )
        continue;
      const edits = mergeRuns(file, before, step);
      const fix: Fix = { title: 'join it with the RUN above', safety: 'unsafe', effect: 'none', edits: edits ?? [] };
      yield {
        message: 'this and the RUN above could be one',
        span: step.node.keyword,
        ...(edits === undefined ? {} : { fix }),
      };
    }
  },
};
