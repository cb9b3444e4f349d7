import { GEM, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const gemPin: LintRule = {
  id: 'gem-pin',
  aliases: ['DL3028'],
  topic: 'languages',
  severity: 'warning',
  title: 'gems have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month. `gem install rake:13.2.1` is one version.',
  bad: 'FROM ruby:3.4\nRUN gem install rake',
  good: 'FROM ruby:3.4\nRUN gem install rake:13.2.1',
  fix: 'none',
  *check(file) {
    for (const call of packageCalls(file, GEM, 'install', 'i')) {
      if (call.options.some(({ text }) => /^(?:-v|--version)/.test(text))) continue;
      yield* unpinned(call, undefined, (text) => /[:/]|\.gem$/.test(text));
    }
  },
};
