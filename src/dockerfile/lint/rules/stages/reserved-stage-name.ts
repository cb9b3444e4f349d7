import { argumentsOf } from '../../../syntax/tree.ts';
import { stageReferences } from '../../edits.ts';
import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const reservedStageName: LintRule = {
  id: 'reserved-stage-name',
  aliases: ['ReservedStageName', 'DL3063'],
  topic: 'stages',
  severity: 'error',
  title: 'no stage is called scratch or context',
  why: 'Both names mean something else: `scratch` is the empty image, `context` the files that are sent to the build. A stage of that name cannot be reached.',
  bad: 'FROM debian:12 AS scratch\nFROM alpine:3.22\nCOPY --from=scratch /a /a',
  good: 'FROM debian:12 AS scratch-stage\nFROM alpine:3.22\nCOPY --from=scratch-stage /a /a',
  fix: 'unsafe',
  *check(file) {
    for (const stage of file.stages) {
      if (stage.name !== 'scratch' && stage.name !== 'context') continue;
      const word = argumentsOf(stage.node.body)[2];
      if (word === undefined) continue;
      const edits = [word, ...stageReferences(file, stage)].map((span) => replacement(span, `${stage.name}-stage`));
      const fix: Fix = { title: `call it ${stage.name}-stage`, safety: 'unsafe', effect: 'files', edits };
      yield { message: `${stage.name} has a meaning of its own and is no name for a stage`, span: word, fix };
    }
  },
};
