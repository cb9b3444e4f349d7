import { valueSpan } from '../../edits.ts';
import type { LintRule } from '../../rule.ts';

export const copyFromSelf: LintRule = {
  id: 'copy-from-self',
  aliases: ['DL3023', 'DS-0006'],
  topic: 'files',
  severity: 'error',
  title: 'COPY --from does not name its own stage',
  why: 'A stage cannot copy from itself: it is not finished. `RUN cp` copies within a stage.',
  bad: 'FROM debian:12 AS app\nCOPY --from=app /a /b',
  good: 'FROM debian:12 AS app\nRUN cp -a /a /b',
  fix: 'none',
  *check(file) {
    for (const { instruction, stage } of file.steps) {
      if (instruction?.kind !== 'copy' || instruction.from === undefined || stage === undefined) continue;
      const name = instruction.from.text.toLowerCase();
      if (name !== stage.name && name !== String(stage.index)) continue;
      if (file.stages.slice(0, stage.index).some((one) => one.name === name)) continue;
      yield { message: `${name} is the stage itself`, span: valueSpan(file, instruction.from) };
    }
  },
};
