export type * from '../engine/index.ts';
