import { hasOption } from '../../look.ts';
import { addOption } from '../../options.ts';
import { DNF, RPM_ASKING, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const dnfAssumeYes: LintRule = {
  id: 'dnf-assume-yes',
  aliases: ['DL3038'],
  topic: 'packages',
  severity: 'warning',
  title: 'dnf install does not ask',
  why: 'A build has nobody who answers: without `-y` dnf asks, reads the end of its input, and gives up.',
  bad: 'FROM fedora:42\nRUN dnf install httpd',
  good: 'FROM fedora:42\nRUN dnf install -y httpd',
  fix: 'safe',
  *check(file) {
    for (const call of packageCalls(file, DNF, ...RPM_ASKING)) {
      if (!hasOption(call.options, '-y', '--assumeyes'))
        yield addOption(call, call.verb, '-y', `${call.invocation.name} ${call.verb.text} would ask`);
    }
  },
};
