import { buildCheck } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const invalidDefaultArgInFrom: LintRule = buildCheck(
  {
    id: 'invalid-default-arg-in-from',
    aliases: [],
    topic: 'variables',
    severity: 'warning',
    title: 'an argument of FROM has a default that makes a name of an image',
    why: 'Without a default the file can be built only by those who know which `--build-arg` it needs; everybody else sees an error about a name that stands nowhere.',
    bad: 'ARG TAG\nFROM debian:$TAG',
    good: 'ARG TAG=12\nFROM debian:$TAG',
    fix: 'none',
  },
  'InvalidDefaultArgInFrom',
);
