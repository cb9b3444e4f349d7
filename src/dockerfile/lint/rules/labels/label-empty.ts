import { unquoted } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelEmpty: LintRule = {
  id: 'label-empty',
  aliases: ['DL3051'],
  topic: 'labels',
  severity: 'warning',
  title: 'labels have a value',
  why: 'An empty label says nothing, and hides that of the base image.',
  bad: 'FROM debian:12\nLABEL maintainer=""',
  good: 'FROM debian:12\nLABEL maintainer="Ada"',
  fix: 'none',
  *check({ steps }) {
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'label') continue;
      for (const { name, value } of instruction.pairs) {
        if (unquoted(value.text).trim() === '')
          yield {
            message: `the label ${unquoted(name.text)} is empty`,
            span: { start: name.start, end: Math.max(value.end, name.start + 1) },
          };
      }
    }
  },
};
