import type { LintRule } from '../../rule.ts';

export const unusedIgnore: LintRule = {
  id: 'unused-ignore',
  aliases: [],
  topic: 'meta',
  severity: 'style',
  title: 'a comment that keeps a rule silent has something to do',
  why: 'What it was written for has been mended, or it stands at the wrong place. It will hide the next fault of its kind.',
  bad: 'FROM debian:12\n# shale:ignore run-sudo -- needed once\nRUN make',
  good: 'FROM debian:12\nRUN make',
  fix: 'safe',
  // Found by the linter itself, which alone knows what the comments kept silent.
  check: () => [],
};
