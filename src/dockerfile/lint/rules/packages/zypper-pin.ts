import { ZYPPER, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const zypperPin: LintRule = {
  id: 'zypper-pin',
  aliases: ['DL3037'],
  topic: 'packages',
  severity: 'warning',
  title: 'packages of zypper have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month: `httpd=2.4.58` is that version.',
  bad: 'FROM opensuse/leap:15.6\nRUN zypper install -y httpd',
  good: 'FROM opensuse/leap:15.6\nRUN zypper install -y httpd=2.4.58',
  fix: 'none',
  *check(file) {
    for (const call of packageCalls(file, ZYPPER, 'install', 'in')) {
      yield* unpinned(call, undefined, (text) => /[=<>~]/.test(text) || /\.rpm$|:\/\/|^\//.test(text));
    }
  },
};
