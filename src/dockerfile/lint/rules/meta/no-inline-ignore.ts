import { readIgnores } from '../../ignores.ts';
import type { LintRule } from '../../rule.ts';

export const noInlineIgnore: LintRule = {
  id: 'no-inline-ignore',
  aliases: ['DL1001'],
  topic: 'meta',
  severity: 'info',
  isOptional: true,
  title: 'no comment of the file keeps a rule silent',
  why: 'Where exceptions are to be made in one place, the config, a comment beside an instruction goes past it. Off unless it is asked for.',
  bad: 'FROM debian:12\n# shale:ignore run-sudo -- needed\nRUN sudo make',
  good: 'FROM debian:12\nRUN make',
  fix: 'none',
  *check({ dockerfile }) {
    for (const { span, rules } of readIgnores(dockerfile))
      yield { message: `this keeps ${rules.join(', ')} silent`, span };
  },
};
