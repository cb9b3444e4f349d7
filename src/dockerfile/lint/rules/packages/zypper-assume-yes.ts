import { hasOption } from '../../look.ts';
import { addOption } from '../../options.ts';
import { ZYPPER, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const zypperAssumeYes: LintRule = {
  id: 'zypper-assume-yes',
  aliases: ['DL3034'],
  topic: 'packages',
  severity: 'warning',
  title: 'zypper install does not ask',
  why: 'A build has nobody who answers: zypper asks unless it is told `--non-interactive` in front of the command or `-y` behind it.',
  bad: 'FROM opensuse/leap:15.6\nRUN zypper install httpd',
  good: 'FROM opensuse/leap:15.6\nRUN zypper install -y httpd',
  fix: 'safe',
  *check(file) {
    for (const call of packageCalls(
      file,
      ZYPPER,
      'install',
      'in',
      'remove',
      'rm',
      'source-install',
      'si',
      'patch',
      'update',
      'up',
      'dist-upgrade',
      'dup',
    )) {
      if (hasOption(call.options, '-n', '-y', '--non-interactive', '--no-confirm')) continue;
      yield addOption(call, call.verb, '-y', `zypper ${call.verb.text} would ask`);
    }
  },
};
