import { insertion } from '../../fix.ts';
import { buildCheck, stepAt } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const definitionDescription: LintRule = buildCheck(
  {
    id: 'definition-description',
    aliases: [],
    topic: 'structure',
    severity: 'style',
    isOptional: true,
    title: 'a comment above a stage or an argument begins with its name',
    why: 'Tools show the comment right above a FROM or an ARG as its description when it begins with the name. Another comment there is taken for a description that went wrong; an empty comment keeps it apart.',
    bad: '# the newest compiler\nFROM golang:1.24 AS build',
    good: '# the newest compiler\n#\nFROM golang:1.24 AS build',
    fix: 'safe',
  },
  'InvalidDefinitionDescription',
  ({ span }, file) => {
    const node = stepAt(file, span.start)?.node;
    const start = node && file.dockerfile.source.lineStarts[node.firstLine - 1];
    if (start === undefined) return undefined;
    return { title: 'keep the comment apart', safety: 'safe', effect: 'none', edits: [insertion(start, '#\n')] };
  },
);
