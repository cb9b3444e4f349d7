import { hasOption } from '../../look.ts';
import { addOption } from '../../options.ts';
import { RPM_ASKING, YUM, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const yumAssumeYes: LintRule = {
  id: 'yum-assume-yes',
  aliases: ['DL3030'],
  topic: 'packages',
  severity: 'warning',
  title: 'yum install does not ask',
  why: 'A build has nobody who answers: without `-y` yum asks, reads the end of its input, and gives up.',
  bad: 'FROM centos:7\nRUN yum install httpd',
  good: 'FROM centos:7\nRUN yum install -y httpd',
  fix: 'safe',
  *check(file) {
    for (const call of packageCalls(file, YUM, ...RPM_ASKING)) {
      if (!hasOption(call.options, '-y', '--assumeyes'))
        yield addOption(call, call.verb, '-y', `yum ${call.verb.text} would ask`);
    }
  },
};
