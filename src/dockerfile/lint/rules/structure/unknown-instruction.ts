import { INSTRUCTION_NAMES } from '../../../syntax/arguments.ts';
import { suggest } from '../../../syntax/suggest.ts';
import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const unknownInstruction: LintRule = {
  id: 'unknown-instruction',
  aliases: [],
  topic: 'structure',
  severity: 'error',
  title: 'every line begins with an instruction of the language',
  why: 'A misspelt instruction ends the build before anything is done. A line that was meant to go on with the one above lacks a continuation mark there.',
  bad: 'FROM debian:12\nCOPPY . /src/',
  good: 'FROM debian:12\nCOPY . /src/',
  fix: 'safe',
  *check({ steps }) {
    for (const { node, name } of steps) {
      if (node.body.kind !== 'unknown' || ['include', 'squash', 'unset'].includes(name)) continue;
      const meant = suggest(name, INSTRUCTION_NAMES)?.toUpperCase();
      const message = `there is no instruction ${node.keyword.text.slice(0, 40)}${meant === undefined ? '' : `: ${meant} is meant, perhaps`}`;
      const wanted = node.keyword.text === name ? meant?.toLowerCase() : meant;
      const fix: Fix | undefined =
        wanted === undefined
          ? undefined
          : { title: `write ${wanted}`, safety: 'safe', effect: 'none', edits: [replacement(node.keyword, wanted)] };
      yield { message, span: node.keyword, ...(fix === undefined ? {} : { fix }) };
    }
  },
};
