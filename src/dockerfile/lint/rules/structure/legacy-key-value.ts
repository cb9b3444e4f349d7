import { type Fix, type TextEdit, insertion, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const legacyKeyValue: LintRule = {
  id: 'legacy-key-value',
  aliases: ['LegacyKeyValueFormat'],
  topic: 'structure',
  severity: 'style',
  title: 'ENV and LABEL have a "=" between name and value',
  why: "`ENV name value` is an old form that sets one variable, whose value is the whole rest of the line: a second pair on it becomes part of the first one's value without a word.",
  bad: 'FROM debian:12\nENV GREETING hello world',
  good: 'FROM debian:12\nENV GREETING="hello world"',
  fix: 'safe',
  *check(file) {
    for (const { node, name } of file.steps) {
      if (node.body.kind !== 'pairs') continue;
      const [pair] = node.body.pairs;
      if (pair === undefined || pair.delimiter !== '') continue;
      const message = `${name.toUpperCase()} ${pair.name.text} has no "=" before its value`;
      const quoted = quotes(pair.value.text);
      const gap = { start: pair.name.end, end: pair.value.start };
      const edits: TextEdit[] =
        quoted === undefined ? [] : [replacement(gap, `=${quoted}`), insertion(pair.value.end, quoted)];
      const fix: Fix = { title: 'write name=value', safety: 'safe', effect: 'none', edits };
      yield { message, span: { start: pair.name.start, end: pair.value.end }, ...(edits.length === 0 ? {} : { fix }) };
    }
  },
};

/** The quotation mark that the value needs: none for one word or one quoted text; undefined where it is not that simple. */
function quotes(value: string): '"' | '' | undefined {
  if (/^(?:"[^"\\]*"|'[^']*')$/.test(value)) return '';
  if (/['"\\]/.test(value)) return undefined;
  return /\s/.test(value) || value === '' ? '"' : '';
}
