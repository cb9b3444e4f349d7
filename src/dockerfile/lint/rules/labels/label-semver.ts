import { labelRule } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelSemver: LintRule = labelRule({
  id: 'label-semver',
  aliases: ['DL3056'],
  title: 'labels for a version hold a semantic version',
  why: 'Tools compare these labels. The setting `labels` says which ones are versions (`semver`).',
  bad: 'FROM debian:12\nLABEL org.opencontainers.image.version="1.2"',
  good: 'FROM debian:12\nLABEL org.opencontainers.image.version="1.2.0"',
  kind: 'semver',
  label: 'org.opencontainers.image.version',
  isValid: (value) =>
    /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/.test(
      value,
    ),
  what: 'semantic version, like 1.2.0',
});
