import type { Dockerfile } from './syntax/dockerfile.ts';

/** From 1; the last one is that of a heredoc where there is one. */
export interface LinesOfInstruction {
  readonly first: number;
  readonly last: number;
}

/**
 * The lines of the instruction that each step of a build came from, by its slot (`STAGE/KIND/N`, docs/formats/step-keys.md);
 * `STAGE/from/1` is that of FROM. Of triggers, which stand elsewhere, there is none.
 */
export function linesOfSlots({ stages }: Dockerfile): ReadonlyMap<string, LinesOfInstruction> {
  const lines = new Map<string, LinesOfInstruction>();
  for (const [index, { from, commands }] of stages.entries()) {
    const name = from.name === '' ? String(index) : from.name;
    lines.set(`${name}/from/1`, { first: from.node.firstLine, last: from.node.lastLine });
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
      lines.set(`${name}/${kind}/${next(kind)}`, { first: node.firstLine, last: node.lastLine });
    }
  }
  return lines;
}

/** An instruction that leaves an entry in the history of the image. */
export interface InstructionLines extends LinesOfInstruction {
  /** `RUN`. */
  readonly keyword: string;
}

/**
 * The instructions that make a stage, in the order of the image's history: those of the stages that it is based on come
 * first. Triggers of base images, which stand elsewhere, are not among them. The last stage where `target` is undefined;
 * none where there is no such stage.
 */
export function linesOfStage({ stages }: Dockerfile, target: string | undefined): InstructionLines[] {
  const at = target === undefined ? stages.length - 1 : stageAt(stages, target, stages.length);
  const lines: InstructionLines[] = [];
  for (let index = at; index >= 0;) {
    const stage = stages[index];
    if (stage === undefined) break;
    const own = stage.commands
      .filter(({ kind }) => kind !== 'onbuild')
      .map(({ kind, node }) => ({ keyword: kind.toUpperCase(), first: node.firstLine, last: node.lastLine }));
    lines.unshift(...own);
    index = stageAt(stages, stage.from.base.text, index);
  }
  return lines;
}

/** The place of the last stage of a name, or of that number, before another one; -1 where there is none. */
function stageAt(stages: Dockerfile['stages'], name: string, before: number): number {
  const named = stages.findLastIndex(
    (stage, i) => i < before && stage.from.name !== '' && stage.from.name === name.toLowerCase(),
  );
  if (named >= 0) return named;
  return /^\d{1,6}$/.test(name) && Number(name) < before ? Number(name) : -1;
}
