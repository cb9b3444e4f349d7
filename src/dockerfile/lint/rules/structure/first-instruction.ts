import type { LintRule } from '../../rule.ts';

export const firstInstruction: LintRule = {
  id: 'first-instruction',
  aliases: ['DL3061'],
  topic: 'structure',
  severity: 'error',
  title: 'a file begins with FROM, or with ARG before it',
  why: 'Every instruction but ARG belongs to a stage, and a stage begins with FROM. A file with something else in front cannot be built.',
  bad: 'RUN make\nFROM debian:12',
  good: 'FROM debian:12\nRUN make',
  fix: 'none',
  *check({ steps }) {
    for (const { node, name, stage, isTrigger, instruction } of steps) {
      if (
        stage !== undefined ||
        isTrigger ||
        name === 'arg' ||
        instruction === undefined ||
        instruction.kind === 'include'
      )
        continue;
      yield {
        message: `${node.keyword.text} stands before the first FROM, where only ARG can stand`,
        span: node.keyword,
      };
    }
  },
};
