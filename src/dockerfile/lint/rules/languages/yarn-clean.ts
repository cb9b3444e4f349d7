import type { Fix } from '../../fix.ts';
import { commandAtEnd, hasOption } from '../../look.ts';
import { YARN, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const yarnClean: LintRule = {
  id: 'yarn-clean',
  aliases: ['DL3060'],
  topic: 'languages',
  severity: 'info',
  title: 'the cache of yarn goes in the step that filled it',
  why: 'yarn keeps every package it has fetched in a cache, beside node_modules: in the layer they are there twice. A cache mount at that place does as well.',
  bad: 'FROM node:22\nRUN yarn install --frozen-lockfile',
  good: 'FROM node:22\nRUN yarn install --frozen-lockfile && yarn cache clean',
  fix: 'safe',
  changes: 'The cache is not in the image.',
  *check(file) {
    for (const { step, script, invocation, verb } of packageCalls(file, YARN, 'install', 'add', 'global')) {
      const isCleaned = script.invocations.some(({ name, args }) => {
        if (name === 'yarn')
          return args.some(({ text }, index) => text === 'cache' && args[index + 1]?.text === 'clean');
        return name === 'rm' && args.some(({ text }) => /yarn|\.cache/.test(text));
      });
      const isMounted = /type=(?:cache|tmpfs)/.test(step.node.flags.map(({ text }) => text).join(' '));
      if (isCleaned || isMounted || hasOption(invocation.args, '--cache-folder')) continue;
      const edit = commandAtEnd({ step, script }, 'yarn cache clean');
      const fix: Fix = {
        title: 'add yarn cache clean',
        safety: 'safe',
        effect: 'caches',
        edits: edit === undefined ? [] : [edit],
      };
      yield {
        message: 'what yarn has fetched stays in the layer twice',
        span: { start: invocation.word.start, end: verb.end },
        ...(edit === undefined ? {} : { fix }),
      };
    }
  },
};
