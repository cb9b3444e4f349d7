import { APT, ZYPPER, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const distUpgrade: LintRule = {
  id: 'dist-upgrade',
  aliases: ['DS-0024', 'DL3035'],
  topic: 'packages',
  severity: 'warning',
  title: 'no build moves the whole distribution to other versions',
  why: 'A distribution upgrade may replace and remove any package, and does another thing every day. A newer base image has what it brings, tested together.',
  bad: 'FROM debian:12\nRUN apt-get update && apt-get dist-upgrade -y',
  good: 'FROM debian:13\nRUN apt-get update',
  fix: 'none',
  *check(file) {
    for (const { verb, invocation } of packageCalls(file, APT, 'dist-upgrade', 'full-upgrade')) {
      yield {
        message: `${verb.text} may replace any package of the base`,
        span: { start: invocation.word.start, end: verb.end },
      };
    }
    for (const { verb, invocation } of packageCalls(file, ZYPPER, 'dist-upgrade', 'dup')) {
      yield {
        message: `${verb.text} may replace any package of the base`,
        span: { start: invocation.word.start, end: verb.end },
      };
    }
  },
};
