import type { LintFile, LintStage } from '../../file.ts';
import type { Fix } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const unreachableStage: LintRule = {
  id: 'unreachable-stage',
  aliases: [],
  topic: 'stages',
  severity: 'info',
  title: 'every stage is used by another, or is the last one',
  why: 'A stage that no later one is built on or copies from is never built, unless `--target` names it. Often it was forgotten when another took its place.',
  bad: 'FROM debian:12\nRUN make\n\nFROM alpine:3.22\nCOPY app /app',
  good: 'FROM alpine:3.22\nCOPY app /app',
  fix: 'unsafe',
  changes: 'Nothing of the image; `--target` does not find the stage any more.',
  *check(file) {
    const used = new Set<number>();
    const visit = (stage: LintStage | undefined): void => {
      if (stage === undefined || used.has(stage.index)) return;
      used.add(stage.index);
      visit(stage.base);
      for (const { instruction } of stage.steps) {
        if (instruction?.kind === 'copy') visit(find(file, stage, instruction.from?.text));
        if (instruction?.kind !== 'run') continue;
        for (const { text } of instruction.mounts) visit(find(file, stage, /(?:^|,)from=([^,]+)/.exec(text)?.[1]));
      }
    };
    visit(file.stages.at(-1));
    if (file.steps.some(({ node }) => /--from=\S*\$/.test(node.text))) return;
    for (const [index, stage] of file.stages.entries()) {
      if (used.has(stage.index) || stage.name !== '') continue;
      const next = file.stages[index + 1];
      const { lineStarts } = file.dockerfile.source;
      const start = lineStarts[stage.node.firstLine - 1] ?? 0;
      const end = lineStarts[(next?.node.firstLine ?? 1) - 1] ?? 0;
      const fix: Fix = {
        title: 'take the stage out',
        safety: 'unsafe',
        effect: 'none',
        edits: [{ start, end, text: '' }],
      };
      yield {
        message: 'nothing uses this stage, and it has no name to be a target by',
        span: stage.node,
        ...(next === undefined ? {} : { fix }),
      };
    }
  },
};

/** An earlier stage by name or number. */
function find({ stages }: LintFile, stage: LintStage, name: string | undefined): LintStage | undefined {
  if (name === undefined) return undefined;
  const earlier = stages.slice(0, stage.index);
  return earlier.findLast((one) => one.name === name.toLowerCase()) ?? earlier[/^\d+$/.test(name) ? Number(name) : -1];
}
