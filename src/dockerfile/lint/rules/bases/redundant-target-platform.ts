import { deletedFlag } from '../../edits.ts';
import type { Fix } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const redundantTargetPlatform: LintRule = {
  id: 'redundant-target-platform',
  aliases: ['RedundantTargetPlatform', 'DL3065'],
  topic: 'bases',
  severity: 'style',
  title: 'FROM does not ask for $TARGETPLATFORM',
  why: 'That is the platform of a stage anyway; the flag makes readers look for a reason.',
  bad: 'FROM --platform=$TARGETPLATFORM debian:12',
  good: 'FROM debian:12',
  fix: 'safe',
  *check(file) {
    for (const { from } of file.stages) {
      const flag = from?.platform;
      if (flag === undefined || !/^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(flag.text)) continue;
      const fix: Fix = { title: 'take the flag out', safety: 'safe', effect: 'none', edits: [deletedFlag(file, flag)] };
      yield { message: 'every stage is for $TARGETPLATFORM unless something else is said', span: flag, fix };
    }
  },
};
