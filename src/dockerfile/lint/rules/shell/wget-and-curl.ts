import type { LintRule } from '../../rule.ts';

export const wgetAndCurl: LintRule = {
  id: 'wget-and-curl',
  aliases: ['DL4001', 'DS-0014'],
  topic: 'shell',
  severity: 'info',
  title: 'a stage uses wget or curl, not both',
  why: 'Both do the same, and each brings its libraries into the image.',
  bad: 'FROM debian:12\nRUN curl -fsSLO https://example.com/a\nRUN wget -q https://example.com/b',
  good: 'FROM debian:12\nRUN curl -fsSLO https://example.com/a\nRUN curl -fsSLO https://example.com/b',
  fix: 'none',
  *check({ stages }) {
    for (const { steps } of stages) {
      const uses = steps.flatMap(
        ({ script }) => script?.invocations.filter(({ name }) => name === 'wget' || name === 'curl') ?? [],
      );
      const [first] = uses;
      for (const { name, word } of uses) {
        if (name !== first?.name) yield { message: `this stage uses ${first?.name} already`, span: word };
      }
    }
  },
};
