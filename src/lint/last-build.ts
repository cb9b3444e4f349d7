import { linesOfSlots, type Dockerfile, type MeasuredBuild } from '../dockerfile/index.ts';
import type { BuildMeasure } from '../engine/index.ts';

/** What a build's record says, by the lines of the Dockerfile that it was made from. */
export function measuredBuild(dockerfile: Dockerfile, measure: BuildMeasure): MeasuredBuild {
  const lines = linesOfSlots(dockerfile);
  return {
    id: measure.buildId,
    ...(measure.smaller !== undefined && { smaller: measure.smaller }),
    steps: measure.steps.flatMap(
      ({
        slot,
        deletedLater,
        rewrittenBytes,
        layerBytes,
        seconds,
        ran,
        largest,
        rights,
        otherwise,
        unusedPackages,
      }) => {
        const line = lines.get(slot)?.first;
        if (line === undefined) return [];
        const later = deletedLater.flatMap(({ slot: other, bytes, example }) => {
          const at = lines.get(other)?.first;
          return at === undefined ? [] : [{ line: at, bytes, example }];
        });
        const more = {
          ...(otherwise !== undefined && { otherwise }),
          ...(unusedPackages !== undefined && { unusedPackages }),
        };
        return [{ line, deletedLater: later, rewrittenBytes, layerBytes, seconds, ran, largest, rights, ...more }];
      },
    ),
    bases: measure.bases.flatMap(({ slot, reference, expected, actual }) => {
      const stage = dockerfile.stages.find((one, index) => slot === `${one.from.name || index}/from/1`);
      // The record has the name in full; the rule compares what is written.
      return stage === undefined
        ? []
        : [
            {
              line: stage.from.node.firstLine,
              reference: writtenName(stage.from.base.text, reference),
              expected,
              actual,
            },
          ];
    }),
  };
}

function writtenName(written: string, full: string): string {
  return full.endsWith(`/${written}`) || full.endsWith(`/${written}:latest`) || full === written ? written : full;
}
