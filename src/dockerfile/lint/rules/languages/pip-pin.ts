import { hasOption } from '../../look.ts';
import { PIP, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const pipPin: LintRule = {
  id: 'pip-pin',
  aliases: ['DL3013'],
  topic: 'languages',
  severity: 'warning',
  title: 'packages of pip have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month. A requirements or constraints file does as well.',
  bad: 'FROM python:3.13\nRUN pip install --no-cache-dir flask',
  good: 'FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.0',
  fix: 'pin',
  *check(file) {
    for (const call of packageCalls(file, PIP, 'install')) {
      if (
        hasOption(call.options, '--requirement', '--constraint') ||
        call.options.some(({ text }) => /^-[rc]/.test(text))
      )
        continue;
      yield* unpinned(call, 'pip', (text) => /[=<>~!]=|[<>@]|^\.|\/|\.(?:whl|zip|gz|bz2)$/.test(text), '==');
    }
  },
};
