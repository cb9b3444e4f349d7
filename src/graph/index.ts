/**
 * graph: the build graph as plain data, the narrow waist between languages (Dockerfile) and the solver. A vertex is a
 * definition: its id is a hash over op, inputs and platform, so equal definitions are one vertex. Inputs always come
 * before their users, so there are no cycles. Nothing here runs anything, reads a file, or knows a Dockerfile.
 */
export * from './progress.ts';
export * from './types.ts';
export * from './vertex.ts';
