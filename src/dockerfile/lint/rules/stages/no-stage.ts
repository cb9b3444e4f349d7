import type { LintRule } from '../../rule.ts';

export const noStage: LintRule = {
  id: 'no-stage',
  aliases: [],
  topic: 'stages',
  severity: 'error',
  title: 'a file has a stage',
  why: 'Without FROM there is nothing to build: not even an empty image, which is `FROM scratch`.',
  bad: 'ARG VERSION=1',
  good: 'ARG VERSION=1\nFROM debian:$VERSION',
  fix: 'none',
  *check({ stages, dockerfile: { nodes, source } }) {
    if (stages.length > 0) return;
    const [first] = nodes;
    yield { message: 'there is no FROM', span: first?.keyword ?? { start: 0, end: Math.min(1, source.text.length) } };
  },
};
