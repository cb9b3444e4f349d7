import { YUM, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const yumPin: LintRule = {
  id: 'yum-pin',
  aliases: ['DL3033'],
  topic: 'packages',
  severity: 'warning',
  title: 'packages of yum have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month: `httpd-2.4.6` is that version.',
  bad: 'FROM centos:7\nRUN yum install -y httpd',
  good: 'FROM centos:7\nRUN yum install -y httpd-2.4.6',
  fix: 'none',
  *check(file) {
    for (const call of packageCalls(file, YUM, 'install')) yield* unpinned(call, undefined, isFixedRpm);
  },
};

/** `name-1.2`, a file, an address, a group of packages. */
function isFixedRpm(text: string): boolean {
  return /-\d/.test(text) || /\.rpm$|:\/\/|^@|^\//.test(text);
}
