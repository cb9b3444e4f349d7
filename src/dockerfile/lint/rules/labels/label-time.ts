import { labelRule } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelTime: LintRule = labelRule({
  id: 'label-time',
  aliases: ['DL3053'],
  title: 'labels for a time hold one in the form of RFC 3339',
  why: 'Tools sort and compare these labels. The setting `labels` says which ones are times (`rfc3339`).',
  bad: 'FROM debian:12\nLABEL org.opencontainers.image.created="yesterday"',
  good: 'FROM debian:12\nLABEL org.opencontainers.image.created="2026-01-31T12:00:00Z"',
  kind: 'rfc3339',
  label: 'org.opencontainers.image.created',
  isValid: (value) =>
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
  what: 'time in the form of RFC 3339, like 2026-01-31T12:00:00Z',
});
