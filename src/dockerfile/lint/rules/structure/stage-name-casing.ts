import { argumentsOf } from '../../../syntax/tree.ts';
import { replacement } from '../../fix.ts';
import { buildCheck, stepAt } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const stageNameCasing: LintRule = buildCheck(
  {
    id: 'stage-name-casing',
    aliases: [],
    topic: 'structure',
    severity: 'style',
    title: 'stage names are in lower case',
    why: 'A stage is found whatever the case of its name, so `COPY --from=Build` and `--from=build` are the same. One spelling, in lower case as image names are, keeps a search for the name complete.',
    bad: 'FROM golang:1.24 AS Build\nRUN go build ./...',
    good: 'FROM golang:1.24 AS build\nRUN go build ./...',
    fix: 'safe',
  },
  'StageNameCasing',
  ({ span }, file) => {
    const word = argumentsOf(stepAt(file, span.start)?.node.body ?? { kind: 'none' })[2];
    // A variable there is an error of its own.
    if (word === undefined || word.text.includes('$')) return undefined;
    const edits = [replacement(word, word.text.toLowerCase())];
    return { title: `write ${word.text.toLowerCase()}`, safety: 'safe', effect: 'none', edits };
  },
);
