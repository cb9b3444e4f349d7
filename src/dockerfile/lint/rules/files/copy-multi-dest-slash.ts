import { insertion } from '../../fix.ts';
import { bodyLine, jsonFields } from '../../read-file.ts';
import type { LintRule } from '../../rule.ts';

export const copyMultiDestSlash: LintRule = {
  id: 'copy-multi-dest-slash',
  aliases: ['DL3021', 'DS-0011'],
  topic: 'files',
  severity: 'error',
  title: 'the destination of several sources ends with a slash',
  why: 'Several files can only be copied into a directory, and what ends without a slash may be a file. The build ends there.',
  bad: 'FROM debian:12\nCOPY package.json yarn.lock /app',
  good: 'FROM debian:12\nCOPY package.json yarn.lock /app/',
  fix: 'safe',
  *check(file) {
    for (const { instruction, node } of file.steps) {
      if (instruction?.kind !== 'copy') continue;
      const { sources, inline, destination } = instruction;
      const text = destination.text.replace(/["']$/, '');
      if (sources.length + inline.length < 2 || /[/\\.]$/.test(text) || /\$[{\w]*\}?$/.test(text)) continue;
      const span = node.body.kind === 'json' ? (jsonFields(bodyLine(node)).at(-1) ?? destination) : destination;
      const isQuoted = text !== destination.text;
      const edits = [insertion(isQuoted ? span.end - 1 : span.end, '/')];
      yield {
        message: 'several sources need a directory, whose name ends with a slash',
        span,
        fix: { title: 'add the slash', safety: 'safe', effect: 'none', edits },
      };
    }
  },
};
