import { deletedLines } from '../../edits.ts';
import type { Fix } from '../../fix.ts';
import { unquoted } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelSuperfluous: LintRule = {
  id: 'label-superfluous',
  aliases: ['DL3050'],
  topic: 'labels',
  severity: 'info',
  title: 'an image has no labels but those that are asked for',
  why: 'With the setting `strict-labels` only the labels of the setting `labels` may be given, so that a misspelt one is seen.',
  bad: 'FROM debian:12\nLABEL maintainer="Ada"\nLABEL mantainer="Ada"',
  good: 'FROM debian:12\nLABEL maintainer="Ada"',
  settings: { labels: { maintainer: 'text' }, strictLabels: true },
  fix: 'safe',
  changes: 'The label is not in the config.',
  *check(file) {
    if (!file.settings.strictLabels) return;
    for (const { instruction, node } of file.steps) {
      if (instruction?.kind !== 'label') continue;
      for (const { name } of instruction.pairs) {
        const key = unquoted(name.text);
        if (Object.hasOwn(file.settings.labels, key) || key.includes('$')) continue;
        const isOnly = instruction.pairs.length === 1;
        const fix: Fix = { title: 'take it out', safety: 'safe', effect: 'config', edits: [deletedLines(file, node)] };
        yield {
          message: `the label ${key} is none of those that are asked for`,
          span: { start: name.start, end: name.start + name.text.length },
          ...(isOnly ? { fix } : {}),
        };
      }
    }
  },
};
