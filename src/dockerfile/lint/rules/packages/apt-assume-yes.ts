import { hasOption } from '../../look.ts';
import { addOption } from '../../options.ts';
import { APT, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const aptAssumeYes: LintRule = {
  id: 'apt-assume-yes',
  aliases: ['DL3014', 'DS-0021'],
  topic: 'packages',
  severity: 'warning',
  title: 'apt-get install does not ask',
  why: 'A build has nobody who answers: without `-y` apt-get asks when it is to install more than was named, reads the end of its input, and gives up.',
  bad: 'FROM debian:12\nRUN apt-get update && apt-get install curl',
  good: 'FROM debian:12\nRUN apt-get update && apt-get install -y curl',
  fix: 'safe',
  *check(file) {
    for (const call of packageCalls(
      file,
      APT,
      'install',
      'remove',
      'purge',
      'upgrade',
      'dist-upgrade',
      'full-upgrade',
      'autoremove',
      'build-dep',
    )) {
      const { options, values, verb } = call;
      const quiet = options.filter(({ text }) => text === '-q' || text === '--quiet').length;
      const isQuiet = quiet > 1 || options.some(({ text }) => /^-[a-zA-Z]*qq|^-q=2$|^--quiet=2$/.test(text));
      const isTold =
        options.some(({ text }) => /^(?:-o)?APT::Get::Assume-Yes/i.test(text)) ||
        /Assume-Yes/i.test(values.get('-o')?.text ?? '');
      if (isQuiet || isTold || hasOption(options, '-y', '--yes', '--assume-yes', '--force-yes')) continue;
      yield addOption(call, verb, '-y', `${call.invocation.name} ${verb.text} would ask`);
    }
  },
};
