import type { Field } from '../../../shell/script.ts';
import { type Fix, replacement } from '../../fix.ts';
import { wordsAfter } from '../../look.ts';
import { APK, type PackageCall, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const apkVirtual: LintRule = {
  id: 'apk-virtual',
  aliases: [],
  topic: 'packages',
  severity: 'info',
  title: 'packages that a step installs and removes have one name',
  why: 'A step that installs packages for a compilation and removes them one by one forgets one some day. `apk add --virtual .build-deps` gives them one name, by which all go.',
  bad: 'FROM alpine:3.22\nRUN apk add --no-cache gcc make && make && apk del gcc make',
  good: 'FROM alpine:3.22\nRUN apk add --no-cache --virtual .build-deps gcc make && make && apk del .build-deps',
  fix: 'unsafe',
  *check(file) {
    for (const call of packageCalls(file, APK, 'add')) {
      const { invocation, operands, verb, step } = call;
      if (invocation.args.some(({ text }) => /^(?:-t|--virtual)/.test(text)) || operands.length < 2) continue;
      const gone = [...packageCalls(file, APK, 'del')].find((other) => other.step === step && isSame(other, call));
      const [first] = gone?.operands ?? [];
      const last = gone?.operands.at(-1);
      if (first === undefined || last === undefined || invocation.form === 'json') continue;
      const after = invocation.args.find(({ text }) => text === '--no-cache') ?? verb;
      const edits = [
        wordsAfter(invocation, after, '--virtual', '.build-deps'),
        replacement({ start: first.start, end: last.end }, '.build-deps'),
      ];
      const fix: Fix = { title: 'give them the name .build-deps', safety: 'unsafe', effect: 'files', edits };
      yield {
        message: 'the step removes what it installs here package by package',
        span: { start: invocation.word.start, end: verb.end },
        fix,
      };
    }
  },
};

function isSame({ operands }: PackageCall, { operands: others }: PackageCall): boolean {
  const names = (fields: readonly Field[]): string =>
    fields
      .map(({ text }) => text.replace(/[=<>~].*/, ''))
      .toSorted()
      .join(' ');
  return names(operands) === names(others);
}
