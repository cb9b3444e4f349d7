import { labelRule } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelUrl: LintRule = labelRule({
  id: 'label-url',
  aliases: ['DL3052'],
  title: 'labels for an address hold one',
  why: 'Tools make links of these labels. The setting `labels` says which ones are addresses (`url`).',
  bad: 'FROM debian:12\nLABEL org.opencontainers.image.url="example"',
  good: 'FROM debian:12\nLABEL org.opencontainers.image.url="https://example.com/app"',
  kind: 'url',
  label: 'org.opencontainers.image.url',
  isValid: (value) => URL.canParse(value) && /^[a-z][a-z0-9+.-]*:\/\/[^\s/]+/i.test(value),
  what: 'address like https://example.com',
});
