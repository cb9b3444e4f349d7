import type { LintRule } from '../../rule.ts';

export const copyWholeFs: LintRule = {
  id: 'copy-whole-fs',
  aliases: ['DL3067'],
  topic: 'files',
  severity: 'warning',
  title: 'a stage does not copy the whole file system of another',
  why: '`COPY --from=x / /` puts every file of x on top of those that are there: packages twice, caches, and what the other stage had deleted in its base comes back. Name what is needed, or build on the stage with FROM.',
  bad: 'FROM golang:1.24 AS build\nFROM debian:12\nCOPY --from=build / /',
  good: 'FROM golang:1.24 AS build\nFROM debian:12\nCOPY --from=build /out/app /usr/local/bin/app',
  fix: 'none',
  *check({ steps }) {
    for (const { instruction, stage } of steps) {
      if (instruction?.kind !== 'copy' || instruction.from === undefined) continue;
      // A stage on nothing is made of what is copied: that is how layers are squashed.
      if (stage?.rootImage === '' && stage.baseText.toLowerCase() === 'scratch') continue;
      const whole = instruction.sources.find(({ text }) => /^["']?\/(?:\.|\*)?["']?$/.test(text));
      if (whole === undefined || !/^["']?\/["']?$/.test(instruction.destination.text)) continue;
      yield { message: 'this copies a whole file system onto another', span: whole };
    }
  },
};
