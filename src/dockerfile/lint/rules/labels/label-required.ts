import type { LintStage } from '../../file.ts';
import { unquoted } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelRequired: LintRule = {
  id: 'label-required',
  aliases: ['DL3049'],
  topic: 'labels',
  severity: 'info',
  title: 'an image has the labels that are asked for',
  why: 'The setting `labels` lists what every image is to have, so that it can be found by owner, source or version.',
  bad: 'FROM debian:12\nLABEL vendor="Ada"',
  good: 'FROM debian:12\nLABEL vendor="Ada" maintainer="ada@example.com"',
  settings: { labels: { maintainer: 'text' } },
  fix: 'none',
  *check({ stages, settings }) {
    const last = stages.at(-1);
    if (last === undefined) return;
    const keys = new Set<string>();
    for (let stage: LintStage | undefined = last; stage !== undefined; stage = stage.base) {
      for (const { instruction } of stage.steps) {
        if (instruction?.kind === 'label') for (const { name } of instruction.pairs) keys.add(unquoted(name.text));
      }
    }
    for (const key of Object.keys(settings.labels)) {
      if (!keys.has(key)) yield { message: `the label ${key} is missing`, span: last.from?.base ?? last.node };
    }
  },
};
