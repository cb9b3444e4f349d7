import { DNF, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const dnfPin: LintRule = {
  id: 'dnf-pin',
  aliases: ['DL3041'],
  topic: 'packages',
  severity: 'warning',
  title: 'packages of dnf have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month: `httpd-2.4.62` is that version.',
  bad: 'FROM fedora:42\nRUN dnf install -y httpd',
  good: 'FROM fedora:42\nRUN dnf install -y httpd-2.4.62',
  fix: 'none',
  *check(file) {
    for (const call of packageCalls(file, DNF, 'install')) {
      yield* unpinned(
        call,
        undefined,
        (text) => /-\d/.test(text) || /\.rpm$|:\/\/|^@|^\//.test(text) || text.includes(':'),
      );
    }
  },
};
