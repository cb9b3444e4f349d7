import { lineText } from '../../../syntax/source.ts';
import { suggest } from '../../../syntax/suggest.ts';
import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

/** A comment that names a frontend and is no directive: another word, another mark, or none between. */
const LOOKS_LIKE = /^#\s*([A-Za-z]+)\s*[:=]?\s*((?:docker\.io\/)?docker\/dockerfile\S*)\s*$/;

export const syntaxDirectiveTypo: LintRule = {
  id: 'syntax-directive-typo',
  aliases: [],
  topic: 'structure',
  severity: 'warning',
  title: 'the line that chooses the syntax is one that is read',
  why: '`# syntax=docker/dockerfile:1` counts only when it is spelt so and stands before everything else, other comments included. Otherwise it is a comment, and the features that it should bring are missing.',
  bad: '# sytnax=docker/dockerfile:1\nFROM debian:12',
  good: '# syntax=docker/dockerfile:1\nFROM debian:12',
  fix: 'safe',
  *check({ dockerfile: { source, nodes, directives } }) {
    if (directives.some(({ name }) => name === 'syntax')) return;
    const before = nodes[0]?.firstLine ?? source.lineStarts.length + 1;
    let isFirst = true;
    for (let line = 1; line < before; line++) {
      const text = lineText(source, line) ?? '';
      const match = LOOKS_LIKE.exec(text);
      const isDirective = directives.some(({ start }) => start === source.lineStarts[line - 1]);
      if (match !== null) {
        const start = source.lineStarts[line - 1] ?? 0;
        const span = { start, end: start + text.trimEnd().length };
        const [, word = '', image = ''] = match;
        if (!isFirst) {
          yield { message: 'the syntax directive stands below something else, so that it is a comment only', span };
        } else if (suggest(word, ['syntax']) !== undefined || word.toLowerCase() === 'syntax') {
          const text = `# syntax=${image}`;
          const fix: Fix = { title: `write ${text}`, safety: 'safe', effect: 'none', edits: [replacement(span, text)] };
          yield { message: 'this is no syntax directive, though it looks like one', span, fix };
        }
        return;
      }
      if (text.trim() !== '' && !isDirective) isFirst = false;
    }
  },
};
