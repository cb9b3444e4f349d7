/**
 * erofs: the layer's index. An EROFS image of metadata only whose files point into the layer's tar; written from tar
 * entries, mounted by the kernel, and read back here as a tree.
 *
 * Invariants:
 * - An index is a function of its tar alone. What depends on the layers below is computed for a stack of indexes.
 * - Links are followed as inside a chroot: of the layer while it is indexed, of the merged tree in a view.
 * - A damaged index ends in INDEX_CORRUPT, never in a crash, a hang or a read outside it.
 */
export { IndexBuilder } from './builder.ts';
export type { BuiltIndex, ExpandedFile, IndexOptions, WrittenIndex } from './builder.ts';
export type { ErofsErrorCode } from './errors.ts';
export type { ImageSink } from './image-stream.ts';
export type { XattrFamily } from './image-writer.ts';
export type { DataSource, FileData, IndexNode } from './node.ts';
export { openIndex } from './reader.ts';
export type { LayerIndex } from './reader.ts';
export type { NodeKind } from './tree.ts';
export { verifyIndex } from './uuid.ts';
export { effectiveRoots, mergeIndexes } from './view.ts';
export type { Resolved, View, ViewNode } from './view.ts';
export { buildFixUp, lowestVisible } from './chain.ts';
export type { FixUp, FixUpDevice } from './chain.ts';
