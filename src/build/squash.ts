import { invariant } from '../base/index.ts';
import { HISTORY_COMMENT, type BuildPlan } from '../dockerfile/index.ts';
import { vertexId, type SquashOp, type Vertex, type VertexId } from '../graph/index.ts';

const OP: SquashOp = { kind: 'squash' };

/** `--squash`: all that the build puts on its base image becomes one layer; a build that puts nothing on it stays as it is. */
export function squashPlan(plan: BuildPlan): BuildPlan {
  const base = baseOf(plan);
  return base === plan.result ? plan : squashRange(plan, { from: base, to: plan.result });
}

/**
 * A plan whose target has the layers between two of its root filesystems as one: `from` is what they lie on, `to` the
 * topmost, which must be the plan's result. Their entries of the history stay, without layers, and one with the layer follows.
 */
function squashRange(plan: BuildPlan, range: { readonly from: VertexId; readonly to: VertexId }): BuildPlan {
  const squashed = squashVertex(plan, range);
  const inside = new Set(layersBetween(plan, range));
  const history = plan.history.map((entry) => {
    const { vertex, ...rest } = entry;
    return vertex !== undefined && inside.has(vertex) ? { ...rest, emptyLayer: true } : entry;
  });
  const own = { createdBy: squashed.command, comment: HISTORY_COMMENT, vertex: squashed.id };
  return {
    ...plan,
    graph: { vertices: new Map([...plan.graph.vertices, [squashed.id, squashed]]) },
    result: squashed.id,
    history: [...history, own],
  };
}

function squashVertex(plan: BuildPlan, { from, to }: { readonly from: VertexId; readonly to: VertexId }): Vertex {
  const top = vertexOf(plan, to);
  const inputs = [to, from];
  const label = top.stage === undefined ? '' : `${top.stage}/`;
  return {
    id: vertexId(OP, inputs, top.platform),
    op: OP,
    inputs,
    platform: top.platform,
    name: '[squash] SQUASH',
    origin: top.origin,
    noCache: false,
    slot: `${label}squash/1`,
    command: 'SQUASH',
    ...(top.stage !== undefined && { stage: top.stage }),
  };
}

/** The image, or empty root filesystem, at the bottom of the target, through whatever stages lie between. */
function baseOf(plan: BuildPlan): VertexId {
  let id = plan.result;
  for (let below = belowOf(plan, id); below !== undefined; below = belowOf(plan, id)) id = below;
  return id;
}

function* layersBetween(plan: BuildPlan, { from, to }: { from: VertexId; to: VertexId }): Generator<VertexId> {
  for (let id: VertexId | undefined = to; id !== undefined && id !== from; id = belowOf(plan, id)) yield id;
}

/** The root filesystem that a vertex puts its layer on; undefined for one that begins a chain. */
function belowOf(plan: BuildPlan, id: VertexId): VertexId | undefined {
  const { op, inputs } = vertexOf(plan, id);
  return op.kind === 'squash' ? inputs[1] : inputs[0];
}

function vertexOf(plan: BuildPlan, id: VertexId): Vertex {
  const vertex = plan.graph.vertices.get(id);
  invariant(vertex !== undefined, `vertex ${id} is in the graph`);
  return vertex;
}
