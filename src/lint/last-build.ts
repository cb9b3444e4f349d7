import type { Dockerfile, MeasuredBuild } from '../dockerfile/index.ts';
import type { BuildMeasure } from '../engine/index.ts';

/** What a build's record says, by the lines of the Dockerfile that it was made from. */
export function measuredBuild(dockerfile: Dockerfile, measure: BuildMeasure): MeasuredBuild {
  const lines = linesOfSlots(dockerfile);
  return {
    id: measure.buildId,
    steps: measure.steps.flatMap(({ slot, deletedLater, rewrittenBytes, layerBytes, seconds, ran, largest }) => {
      const line = lines.get(slot);
      if (line === undefined) return [];
      const later = deletedLater.flatMap(({ slot: other, bytes, example }) => {
        const at = lines.get(other);
        return at === undefined ? [] : [{ line: at, bytes, example }];
      });
      return [{ line, deletedLater: later, rewrittenBytes, layerBytes, seconds, ran, largest }];
    }),
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

/** The first line of the instruction that each step came from. Of triggers, which stand elsewhere, there is none. */
function linesOfSlots({ stages }: Dockerfile): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const [index, { from, commands }] of stages.entries()) {
    const below = stages
      .slice(0, index)
      .findLast((stage) => stage.from.name !== '' && stage.from.name === from.base.text.toLowerCase());
    const ordinals = new Map<string, number>();
    const next = (kind: string): number => {
      const ordinal = (ordinals.get(kind) ?? 0) + 1;
      ordinals.set(kind, ordinal);
      return ordinal;
    };
    // The triggers of the stage below are carried out first.
    for (const { kind, node } of below?.commands ?? []) {
      if (kind === 'onbuild' && node.body.kind === 'trigger') next(node.body.node.name);
    }
    for (const { kind, node } of commands) {
      if (kind === 'onbuild') continue;
      lines.set(`${from.name === '' ? index : from.name}/${kind}/${next(kind)}`, node.firstLine);
    }
  }
  return lines;
}
