import { cleanAtEnd } from '../../cleaning.ts';
import { DNF } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const dnfClean: LintRule = {
  id: 'dnf-clean',
  aliases: ['DL3040', 'DS-0019', 'DS-0027'],
  topic: 'packages',
  severity: 'warning',
  title: 'the cache of dnf goes in the step that filled it',
  why: 'dnf and microdnf keep indexes and packages in /var/cache, up to hundreds of megabytes. Deleted in a later step they stay in the layer below.',
  bad: 'FROM fedora:42\nRUN dnf install -y httpd',
  good: 'FROM fedora:42\nRUN dnf install -y httpd && dnf clean all',
  fix: 'safe',
  changes: 'The cache is not in the image.',
  check: (file) =>
    cleanAtEnd(file, {
      manager: DNF,
      verbs: ['install', 'groupinstall', 'update', 'upgrade'],
      command: 'dnf clean all',
      cache: '/var/cache/dnf',
      others: ['/var/cache/libdnf5', '/var/cache/yum'],
    }),
};
