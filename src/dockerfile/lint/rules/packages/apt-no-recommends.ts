import type { Fix } from '../../fix.ts';
import { hasOption, wordsAfter } from '../../look.ts';
import { APT, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const aptNoRecommends: LintRule = {
  id: 'apt-no-recommends',
  aliases: ['DL3015', 'DS-0029'],
  topic: 'packages',
  severity: 'info',
  title: 'apt-get install leaves recommended packages out',
  why: 'apt installs what a package recommends beside what it needs: often documentation, desktop parts and servers that nothing in an image uses. `--no-install-recommends` leaves them out.',
  bad: 'FROM debian:12\nRUN apt-get update && apt-get install -y curl',
  good: 'FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl',
  fix: 'unsafe',
  changes: 'Recommended packages are not installed. What is needed of them has to be named.',
  *check(file) {
    for (const call of packageCalls(file, APT, 'install')) {
      const { options, values, invocation, verb } = call;
      const isTold = [...options, ...values.values()].some(({ text }) =>
        /APT::Install-Recommends=(?:0|false|no)/i.test(text),
      );
      if (isTold || hasOption(options, '--no-install-recommends') || invocation.name === 'aptitude') continue;
      const yes = options.find(({ text, start }) => start > verb.start && /^-\w*y/.test(text)) ?? verb;
      const edits = [wordsAfter(invocation, yes, '--no-install-recommends')];
      const fix: Fix = { title: 'add --no-install-recommends', safety: 'unsafe', effect: 'files', edits };
      yield {
        message: 'recommended packages are installed too',
        span: { start: invocation.word.start, end: verb.end },
        fix,
      };
    }
  },
};
