import type { LintRule } from '../../rule.ts';

export const basePlatformMismatch: LintRule = {
  id: 'base-platform-mismatch',
  aliases: ['InvalidBaseImagePlatform'],
  topic: 'bases',
  severity: 'error',
  title: 'the base image is for the platform of the stage',
  why: 'A base for another platform builds under emulation, or not at all, and the image does not start where it is meant to. This is known after a build: the rule reads the record of the last one.',
  bad: 'FROM example.com/tool:1\nRUN make',
  good: 'FROM example.com/tool:1-amd64\nRUN make',
  fix: 'none',
  record: {
    id: 'b0',
    steps: [],
    bases: [{ line: 1, reference: 'example.com/tool:1', expected: 'linux/amd64', actual: 'linux/arm64' }],
  },
  *check({ stages, measured }) {
    for (const { line, reference, expected, actual } of measured?.bases ?? []) {
      const stage = stages.find(({ node }) => node.firstLine === line);
      if (stage?.from === undefined || expected === actual || stage.baseText !== reference) continue;
      yield {
        message: `in build ${measured?.id} this base was for ${actual}, not for ${expected}`,
        span: stage.from.base,
      };
    }
  },
};
