import { APT, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const aptPin: LintRule = {
  id: 'apt-pin',
  aliases: ['DL3008'],
  topic: 'packages',
  severity: 'warning',
  title: 'packages of apt have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month. `shale lint --fix=pin` writes the one that the signed index of the base has now; a lock file pins without any of that in the file.',
  bad: 'FROM debian:12\nRUN apt-get update && apt-get install -y curl',
  good: 'FROM debian:12\nRUN apt-get update && apt-get install -y curl=7.88.1-10+deb12u12',
  fix: 'pin',
  *check(file) {
    for (const call of packageCalls(file, APT, 'install')) {
      const isFixed = (text: string): boolean => /[=/]/.test(text) || text.endsWith('.deb') || /[-+]$/.test(text);
      yield* unpinned(call, 'apt', isFixed, '=');
    }
  },
};
