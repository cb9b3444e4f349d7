import { labelRule } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelEmail: LintRule = labelRule({
  id: 'label-email',
  aliases: ['DL3058'],
  title: 'labels for an e-mail address hold one',
  why: 'Somebody will write to it. The setting `labels` says which labels are addresses of people (`email`).',
  bad: 'FROM debian:12\nLABEL maintainer="Ada"',
  good: 'FROM debian:12\nLABEL maintainer="ada@example.com"',
  kind: 'email',
  label: 'maintainer',
  isValid: (value) => /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$/.test(value),
  what: 'e-mail address',
});
