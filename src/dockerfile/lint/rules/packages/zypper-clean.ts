import { cleanAtEnd } from '../../cleaning.ts';
import { ZYPPER } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const zypperClean: LintRule = {
  id: 'zypper-clean',
  aliases: ['DL3036', 'DS-0020'],
  topic: 'packages',
  severity: 'warning',
  title: 'the cache of zypper goes in the step that filled it',
  why: 'zypper keeps indexes and packages in /var/cache/zypp. Deleted in a later step they stay in the layer below.',
  bad: 'FROM opensuse/leap:15.6\nRUN zypper install -y httpd',
  good: 'FROM opensuse/leap:15.6\nRUN zypper install -y httpd && zypper clean --all',
  fix: 'safe',
  changes: 'The cache is not in the image.',
  check: (file) =>
    cleanAtEnd(file, {
      manager: ZYPPER,
      verbs: ['install', 'in', 'update', 'up', 'patch', 'dist-upgrade', 'dup'],
      command: 'zypper clean --all',
      cache: '/var/cache/zypp',
    }),
};
