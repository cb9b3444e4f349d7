import { textOf } from '../../edits.ts';
import { replacement } from '../../fix.ts';
import { buildCheck } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const instructionCasing: LintRule = buildCheck(
  {
    id: 'instruction-casing',
    aliases: [],
    topic: 'structure',
    severity: 'style',
    title: 'all instructions are written in one case',
    why: 'Keywords may be written in any case. In one file they should all be written alike, so that they stand out from their arguments; most files have them in capitals.',
    bad: 'FROM debian:12\nRUN make\ncopy . /src/',
    good: 'FROM debian:12\nRUN make\nCOPY . /src/',
    fix: 'safe',
  },
  'ConsistentInstructionCasing',
  ({ span, message }, file) => {
    const text = textOf(file, span);
    const wanted = message.endsWith('(lowercase)') ? text.toLowerCase() : text.toUpperCase();
    return { title: `write ${wanted}`, safety: 'safe', effect: 'none', edits: [replacement(span, wanted)] };
  },
);
