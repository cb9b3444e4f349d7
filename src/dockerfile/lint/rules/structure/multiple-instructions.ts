import { deletedLines } from '../../edits.ts';
import type { Fix } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const multipleInstructions: LintRule = {
  id: 'multiple-instructions',
  aliases: ['MultipleInstructionsDisallowed', 'DL4003', 'DL4004', 'DL3012', 'DS-0016', 'DS-0007', 'DS-0023'],
  topic: 'structure',
  severity: 'warning',
  title: 'a stage has one CMD, one ENTRYPOINT and one HEALTHCHECK',
  why: 'Of several only the last one counts. The others do nothing, and whoever reads the first one believes that it does.',
  bad: 'FROM debian:12\nCMD ["first"]\nCMD ["second"]',
  good: 'FROM debian:12\nCMD ["second"]',
  fix: 'safe',
  changes: 'Nothing but the history: what goes had no effect.',
  *check(file) {
    for (const { steps } of file.stages) {
      for (const [index, { node, name, isTrigger }] of steps.entries()) {
        if (!['cmd', 'entrypoint', 'healthcheck'].includes(name)) continue;
        const later = steps.slice(index + 1).some((step) => step.name === name && step.isTrigger === isTrigger);
        if (!later) continue;
        const fix: Fix = { title: 'take it out', safety: 'safe', effect: 'config', edits: [deletedLines(file, node)] };
        const message = `a later ${name.toUpperCase()} of the stage takes the place of this one`;
        yield { message, span: node.keyword, fix };
      }
    }
  },
};
