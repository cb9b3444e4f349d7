import type { Fix } from '../../fix.ts';
import { hasGnuPrograms } from '../../images.ts';
import { usesOf, wordsAfter } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const wgetProgress: LintRule = {
  id: 'wget-progress',
  aliases: ['DL3047'],
  topic: 'shell',
  severity: 'info',
  title: 'wget does not draw its progress into the log',
  why: 'Without a terminal wget writes a line for every 50 kB: a download of 100 MB makes two thousand lines in which an error is not seen.',
  bad: 'FROM debian:12\nRUN wget https://example.com/a.tgz',
  good: 'FROM debian:12\nRUN wget --progress=dot:giga https://example.com/a.tgz',
  fix: 'safe',
  *check(file) {
    for (const { invocation, step } of usesOf(file, 'wget')) {
      const { args, word } = invocation;
      const isQuiet = args.some(({ text }) =>
        /^(?:--progress|--quiet|--no-verbose|--output-file|--append-output|--show-progress|-nv|-[a-zA-Z]*[qoa][a-zA-Z]*-?$)/.test(
          text,
        ),
      );
      if (isQuiet || !args.some(({ text }) => !text.startsWith('-'))) continue;
      // The wget of busybox has no --progress, and where the base is not known it may be that one.
      const option = hasGnuPrograms(step.stage?.rootImage ?? '') ? '--progress=dot:giga' : '-q';
      const fix: Fix = {
        title: `add ${option}`,
        safety: 'safe',
        effect: 'none',
        edits: [wordsAfter(invocation, word, option)],
      };
      yield { message: 'wget writes a line for every 50 kB', span: word, fix };
    }
  },
};
