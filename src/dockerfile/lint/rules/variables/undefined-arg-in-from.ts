import { buildCheck } from '../../look.ts';
import { renamed } from '../../renamed.ts';
import type { LintRule } from '../../rule.ts';

export const undefinedArgInFrom: LintRule = buildCheck(
  {
    id: 'undefined-arg-in-from',
    aliases: [],
    topic: 'variables',
    severity: 'error',
    title: 'FROM uses arguments that stand above it',
    why: 'Only an ARG before the first FROM can be used in a FROM. A name that is not declared there is empty, and the image that is built on is another one, or none.',
    bad: 'ARG VERSION=12\nFROM debian:${VERSON}',
    good: 'ARG VERSION=12\nFROM debian:${VERSION}',
    fix: 'unsafe',
  },
  'UndefinedArgInFrom',
  renamed,
);
