import { labelRule } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelGithash: LintRule = labelRule({
  id: 'label-githash',
  aliases: ['DL3055'],
  title: 'labels for a commit hold its hash',
  why: 'A hash says what the image was built of; a branch moves on. The setting `labels` says which labels are hashes (`hash`).',
  bad: 'FROM debian:12\nLABEL org.opencontainers.image.revision="main"',
  good: 'FROM debian:12\nLABEL org.opencontainers.image.revision="4d4ad36f1c2b7e9a0d5c3b8e6f7a9b0c1d2e3f40"',
  kind: 'hash',
  label: 'org.opencontainers.image.revision',
  isValid: (value) => /^(?:[0-9a-f]{7}|[0-9a-f]{40}|[0-9a-f]{64})$/.test(value),
  what: 'hash of a commit',
});
