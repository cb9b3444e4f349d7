import { GO, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const goPin: LintRule = {
  id: 'go-pin',
  aliases: ['DL3062'],
  topic: 'languages',
  severity: 'warning',
  title: 'programs that go installs have a version',
  why: '`go install example.com/tool@latest` builds what is newest today. A version, or a commit, is the same next month.',
  bad: 'FROM golang:1.24\nRUN go install example.com/tool@latest',
  good: 'FROM golang:1.24\nRUN go install example.com/tool@v1.2.3',
  fix: 'none',
  *check(file) {
    for (const { operands, verb } of packageCalls(file, GO, 'install', 'get', 'run')) {
      for (const field of operands) {
        const [path = '', version] = field.text.split('@');
        const isRemote = /^[\w-]+(?:\.[\w-]+)+\/\S/.test(path) && !path.endsWith('.go');
        if (!isRemote || !field.isKnown) continue;
        if (version === undefined && verb.text === 'run') continue;
        if (version !== undefined && !/^(?:latest|upgrade|patch|master|main)$/.test(version)) continue;
        yield { message: `${path} has no version: the newest one is built`, span: field };
      }
    }
  },
};
