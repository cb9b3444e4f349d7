import { NPM, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const npmPin: LintRule = {
  id: 'npm-pin',
  aliases: ['DL3016'],
  topic: 'languages',
  severity: 'warning',
  title: 'packages of npm have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month. `npm ci` installs what the lock file says.',
  bad: 'FROM node:22\nRUN npm install -g typescript',
  good: 'FROM node:22\nRUN npm install -g typescript@5.9.2',
  fix: 'pin',
  *check(file) {
    for (const call of packageCalls(file, NPM, 'install', 'i', 'add')) {
      const isFixed = (text: string): boolean =>
        /^@?[^@]+@(?!latest$|next$)./.test(text) || /^[.~]|^[^@].*\/|[#:]|\.t(?:ar\.)?gz$/.test(text);
      yield* unpinned(call, 'npm', isFixed, '@');
    }
  },
};
