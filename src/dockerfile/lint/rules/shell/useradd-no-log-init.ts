import type { Fix } from '../../fix.ts';
import { hasOption, usesOf, wordsAfter } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const useraddNoLogInit: LintRule = {
  id: 'useradd-no-log-init',
  aliases: ['DL3046'],
  topic: 'shell',
  severity: 'warning',
  title: 'useradd with a large id makes no login log',
  why: '/var/log/lastlog and faillog have a place for every id up to the largest: a user with id 100000 or more makes them sparse files of gigabytes, which a layer may hold in full. `-l` leaves them alone.',
  bad: 'FROM debian:12\nRUN useradd -u 1000100 app',
  good: 'FROM debian:12\nRUN useradd -l -u 1000100 app',
  fix: 'safe',
  changes: 'No entry in the login logs.',
  *check(file) {
    for (const { invocation } of usesOf(file, 'useradd')) {
      const { args, word } = invocation;
      const at = args.findIndex(({ text }) => /^(?:-\w*u|--uid)$/.test(text));
      const id =
        at === -1
          ? /^(?:-u|--uid=)(\d+)$/.exec(args.find(({ text }) => /^(?:-u\d|--uid=)/.test(text))?.text ?? '')?.[1]
          : args[at + 1]?.text;
      if (id === undefined || !/^\d{6,}$/.test(id) || hasOption(args, '-l', '--no-log-init')) continue;
      const fix: Fix = {
        title: 'add -l',
        safety: 'safe',
        effect: 'caches',
        edits: [wordsAfter(invocation, word, '-l')],
      };
      yield { message: `the id ${id} makes login logs of gigabytes`, span: invocation, fix };
    }
  },
};
