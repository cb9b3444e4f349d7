import type { VertexId } from '../../graph/index.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import type { Span } from '../syntax/source.ts';
import type { Scene } from './scene.ts';
import type { StageSource } from './stage.ts';

/**
 * The vertex that a COPY --from or a mount reads; of a stage, its last.
 * @throws Refusal when the stage stands further down
 */
export function vertexOfSource(scene: Scene, source: StageSource, span: Span): VertexId {
  if (source.kind !== 'stage') return scene.planning.vertexOf(source);
  const { state, name, index } = source.stage;
  if (state === undefined) {
    const shown = name === '' ? String(index) : name;
    throw new Refusal('STAGE_ORDER', `the stage ${JSON.stringify(shown)} stands below the stage that uses it`, span);
  }
  return state.rootfs;
}
