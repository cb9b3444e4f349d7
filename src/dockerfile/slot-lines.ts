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
