import type { LintRule } from '../../rule.ts';

export const onbuildForbidden: LintRule = {
  id: 'onbuild-forbidden',
  aliases: ['DL3043'],
  topic: 'structure',
  severity: 'error',
  title: 'ONBUILD triggers no FROM, MAINTAINER or ONBUILD',
  why: 'A trigger is carried out in the middle of another build, in a stage that exists; one that begins a stage, or makes triggers in turn, cannot be. The build ends there.',
  bad: 'FROM debian:12\nONBUILD ONBUILD RUN make',
  good: 'FROM debian:12\nONBUILD RUN make',
  fix: 'none',
  *check({ steps }) {
    for (const { node } of steps) {
      if (node.body.kind !== 'trigger') continue;
      const { keyword, name } = node.body.node;
      if (!['from', 'maintainer', 'onbuild'].includes(name)) continue;
      yield { message: `${keyword.text} is not allowed behind ONBUILD`, span: keyword };
    }
  },
};
