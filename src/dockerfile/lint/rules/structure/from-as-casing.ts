import { textOf } from '../../edits.ts';
import { replacement } from '../../fix.ts';
import { buildCheck, stepAt } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const fromAsCasing: LintRule = buildCheck(
  {
    id: 'from-as-casing',
    aliases: [],
    topic: 'structure',
    severity: 'style',
    title: 'AS is written as FROM is',
    why: '`FROM x as y` mixes two habits in one line. Instructions are easier to tell from their arguments when all keywords of a line look alike.',
    bad: 'FROM debian:12 as base',
    good: 'FROM debian:12 AS base',
    fix: 'safe',
  },
  'FromAsCasing',
  ({ span }, file) => {
    const text = textOf(file, span);
    const other = text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase();
    const from = stepAt(file, span.start)?.node.keyword.text ?? 'FROM';
    const wanted =
      from === from.toLowerCase() ? text.toLowerCase() : from === from.toUpperCase() ? text.toUpperCase() : other;
    return { title: `write ${wanted}`, safety: 'safe', effect: 'none', edits: [replacement(span, wanted)] };
  },
);
