/**
 * solver: evaluates a graph, each vertex once, independent ones at the same time, and takes from the action cache what it
 * can. It knows graphs and keys, not containers or layers: what a step does and what its inputs are is told by the
 * `Operations` that it is given. Every key is recorded with its inputs by name, so every miss can be explained.
 */
export * from './explain.ts';
export * from './solver.ts';
export * from './types.ts';
