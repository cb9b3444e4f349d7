/**
 * layers: a layer as an immutable view. It is its uncompressed tar, one blob, named by its diffId; beside it lies the index
 * that this folder makes, reads and makes again. Layers are made from entries (LayerWriter), from a tar stream
 * (Layers.ingest) and from an upper directory (upper.ts); none of these ever unpacks one.
 */
export * from './derived-kinds.ts';
export * from './from-upper.ts';
export * from './index-elsewhere.ts';
export * from './layers.ts';
export * from './mount-layers.ts';
export * from './root-attributes.ts';
export * from './squash.ts';
export * from './tar-indexer.ts';
export * from './types.ts';
export type { UpperFile } from './upper-file.ts';
export * from './upper.ts';
export * from './verify-derived.ts';
export * from './write-tree.ts';
export * from './writer.ts';
