import { cleanAtEnd } from '../../cleaning.ts';
import { YUM } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const yumClean: LintRule = {
  id: 'yum-clean',
  aliases: ['DL3032', 'DS-0015'],
  topic: 'packages',
  severity: 'warning',
  title: 'the cache of yum goes in the step that filled it',
  why: 'yum keeps indexes and packages in /var/cache/yum, up to hundreds of megabytes. Deleted in a later step they stay in the layer below.',
  bad: 'FROM centos:7\nRUN yum install -y httpd',
  good: 'FROM centos:7\nRUN yum install -y httpd && yum clean all',
  fix: 'safe',
  changes: 'The cache is not in the image.',
  check: (file) =>
    cleanAtEnd(file, {
      manager: YUM,
      verbs: ['install', 'groupinstall', 'localinstall', 'update', 'upgrade'],
      command: 'yum clean all',
      cache: '/var/cache/yum',
    }),
};
