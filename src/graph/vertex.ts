import { framedHash, type FramedRecord } from '../base/index.ts';
import type { Platform } from '../oci/index.ts';
import type { Graph, Op, Vertex, VertexId } from './types.ts';

/** The kind and version of ids; a change of what an op means must change it. */
const DOMAIN = 'shale vertex 1';

/** The id of a definition: every field framed, so no two definitions share one. */
export function vertexId(op: Op, inputs: readonly VertexId[], platform: Platform): VertexId {
  return framedHash(DOMAIN, { op: opFields(op), inputs, platform: { ...platform } }) as VertexId; // The one maker.
}

/** The op as data for a key. */
export function opFields(op: Op): FramedRecord {
  // Ops are plain data by their types; only an index signature, which interfaces lack, keeps the compiler from seeing it.
  return op as unknown as FramedRecord;
}

/** Collects vertices; a definition that is already there is kept once, under its first name. */
export class GraphBuilder {
  readonly #vertices = new Map<VertexId, Vertex>();

  add(vertex: Omit<Vertex, 'id'>): VertexId {
    const id = vertexId(vertex.op, vertex.inputs, vertex.platform);
    const known = this.#vertices.get(id);
    if (known === undefined) this.#vertices.set(id, { id, ...vertex });
    else if (vertex.noCache && !known.noCache) this.#vertices.set(id, { ...known, noCache: true });
    return id;
  }

  get(id: VertexId): Vertex | undefined {
    return this.#vertices.get(id);
  }

  /** The vertices that `results` need, inputs before their users. */
  finish(results: readonly VertexId[]): Graph {
    return { vertices: reachable(this.#vertices, results) };
  }
}

function reachable(all: ReadonlyMap<VertexId, Vertex>, results: readonly VertexId[]): Map<VertexId, Vertex> {
  const needed = new Set<VertexId>();
  const open = [...results];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (needed.has(id)) continue;
    needed.add(id);
    open.push(...(all.get(id)?.inputs ?? []));
  }
  // A vertex can only be added when its inputs have ids, so insertion order is a topological order.
  return new Map([...all].filter(([id]) => needed.has(id)));
}
