import type { LintRule } from '../../rule.ts';

export const circularStages: LintRule = {
  id: 'circular-stages',
  aliases: [],
  topic: 'stages',
  severity: 'error',
  title: 'a stage takes from stages above it only',
  why: 'A stage below does not exist yet where it is named, so that its name is taken for that of an image in a registry. Two stages that take from each other can never be built.',
  bad: 'FROM debian:12\nCOPY --from=build /app /app\n\nFROM golang:1.24 AS build\nRUN go build -o /app',
  good: 'FROM golang:1.24 AS build\nRUN go build -o /app\n\nFROM debian:12\nCOPY --from=build /app /app',
  fix: 'none',
  *check({ stages }) {
    for (const stage of stages) {
      const later = new Set(stages.slice(stage.index + 1).map(({ name }) => name));
      for (const { instruction } of stage.steps) {
        const word =
          instruction?.kind === 'copy' ? instruction.from : instruction?.kind === 'from' ? instruction.base : undefined;
        const name = word?.text.toLowerCase() ?? '';
        const isEarlier = stages.slice(0, stage.index + 1).some((one) => one.name === name);
        if (word === undefined || name === '' || isEarlier || !later.has(name)) continue;
        yield { message: `the stage ${name} is below this one: the name is taken for an image`, span: word };
      }
    }
  },
};
