import { Refusal } from '../syntax/diagnostics.ts';
import type { SquashInstruction } from '../syntax/instructions.ts';
import type { SyntaxNode } from '../syntax/tree.ts';
import { addStep, HISTORY_COMMENT, type Scene } from './scene.ts';
import type { HistoryChain } from './stage.ts';

/** Makes one layer of those between BEGIN and END. Where there are none, nothing is made. */
export function applySquash(scene: Scene, { what, node }: SquashInstruction): void {
  const { state } = scene;
  if (what === 'begin') {
    if (state.squash !== undefined)
      throw new Refusal('SQUASH', 'SQUASH BEGIN stands within another', node, 'SQUASH END first');
    state.squash = { rootfs: state.rootfs, history: state.history, node };
    return;
  }
  if (state.squash === undefined) throw new Refusal('SQUASH', 'SQUASH END has no BEGIN in its stage', node);
  const { rootfs, history } = state.squash;
  state.squash = undefined;
  if (rootfs === state.rootfs) return;
  const inside = withoutLayers(state.history, history);
  const step = {
    kind: 'squash',
    op: { kind: 'squash' },
    inputs: [rootfs],
    title: 'SQUASH',
    command: 'SQUASH',
  } as const;
  const vertex = addStep(scene, step);
  state.history = { entry: { createdBy: 'SQUASH', comment: HISTORY_COMMENT, vertex }, before: inside };
}

/** A stage that ends before its SQUASH does. */
export function openSquash(node: SyntaxNode): Refusal {
  return new Refusal('SQUASH', 'SQUASH BEGIN has no END in its stage', node, 'SQUASH END');
}

/** The entries above `end` say what was done, and have no layers any more. */
function withoutLayers(top: HistoryChain | undefined, end: HistoryChain | undefined): HistoryChain | undefined {
  const entries = [];
  for (let link = top; link !== undefined && link !== end; link = link.before) {
    const { vertex: _, ...entry } = link.entry;
    entries.push({ ...entry, emptyLayer: true });
  }
  return entries.reduceRight<HistoryChain | undefined>((before, entry) => ({ entry, before }), end);
}
