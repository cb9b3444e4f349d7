import { checkPage, type Rule } from '../rule.ts';

export const redundantTargetPlatform: Rule = {
  name: 'RedundantTargetPlatform',
  description: 'FROM does not ask for $TARGETPLATFORM, which it has anyway',
  url: checkPage('redundant-target-platform'),
  on: 'base',
  *check({ from, platform, targetPlatform }) {
    if (platform === undefined || from.platform === undefined) return;
    const { matched, unmatched, text } = platform;
    if (matched.size !== 1 || unmatched.size > 0 || !matched.has('TARGETPLATFORM') || text !== targetPlatform) return;
    const flag = from.platform.text;
    const message = `Setting platform to predefined ${flag} in FROM is redundant as this is the default behavior`;
    yield { message, at: from.node, span: from.platform };
  },
};
