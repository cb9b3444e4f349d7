import { suggest } from '../../../syntax/suggest.ts';
import { valueSpan } from '../../edits.ts';
import { replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const copyFromUndefined: LintRule = {
  id: 'copy-from-undefined',
  aliases: ['DL3022'],
  topic: 'files',
  severity: 'warning',
  title: 'COPY --from names a stage above it, or an image with a tag',
  why: "A name that no stage above has is taken for that of an image in a registry: a misspelt stage becomes a download of somebody else's image.",
  bad: 'FROM golang:1.24 AS build\nFROM debian:12\nCOPY --from=bulid /app /app',
  good: 'FROM golang:1.24 AS build\nFROM debian:12\nCOPY --from=build /app /app',
  fix: 'unsafe',
  *check(file) {
    for (const { instruction, stage } of file.steps) {
      if (instruction?.kind !== 'copy' || instruction.from === undefined || stage === undefined) continue;
      const name = instruction.from.text.toLowerCase();
      if (/[$/:@]/.test(name) || name === 'scratch' || name === 'context') continue;
      const earlier = file.stages.slice(0, stage.index);
      const isKnown = /^\d+$/.test(name) ? Number(name) < stage.index : earlier.some((one) => one.name === name);
      const isLater = file.stages.slice(stage.index).some((one) => one.name === name || String(one.index) === name);
      if (isKnown || isLater) continue;
      const meant = suggest(
        name,
        earlier.map((one) => one.name).filter((one) => one !== ''),
      );
      const span = valueSpan(file, instruction.from);
      const message = `no stage above is called ${name}${meant === undefined ? '' : `: ${meant} is meant, perhaps`}`;
      if (meant === undefined) yield { message, span };
      else
        yield {
          message,
          span,
          fix: { title: `write ${meant}`, safety: 'unsafe', effect: 'files', edits: [replacement(span, meant)] },
        };
    }
  },
};
