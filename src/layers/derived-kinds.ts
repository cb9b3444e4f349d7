import type { DerivedKind } from '../store/index.ts';

/** The layer's EROFS index (docs/formats/layer-index.md). */
export const INDEX_KIND: DerivedKind = { name: 'erofs', version: 1, folder: 'index', type: 'file' };
/** sha256 of every file's content and what the index cannot say, in the index's order. */
export const CONTENTS_KIND: DerivedKind = { name: 'contents', version: 1, folder: 'index', type: 'file' };
/** Expanded contents of sparse files: the index's second device. Only where a layer has any. */
export const EXPANDED_KIND: DerivedKind = { name: 'expanded', version: 1, folder: 'index', type: 'file' };
/** What package managers wrote into a layer that is looked into where it lies, while its tar is not here. */
export const KEPT_KIND: DerivedKind = { name: 'kept', version: 1, folder: 'index', type: 'file' };
/** What lies on top of a whole stack so that the kernel shows what docker would have unpacked; by the stack's digest. */
export const FIX_UP_KIND: DerivedKind = { name: 'fixup', version: 1, folder: 'index', type: 'file' };
/** A layer unpacked into a directory, for hosts that cannot mount its index. */
export const TREE_KIND: DerivedKind = { name: 'tree', version: 1, folder: 'trees', type: 'directory' };
