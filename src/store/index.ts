/**
 * store: plain files and one SQLite database. Blobs by digest, files derived from them, and every record that shale
 * keeps. Invariants: a blob is visible only whole; what a command reported done survives a power cut (`publish`); only
 * this folder deletes, and only what no tag, image, container, cache record or living lease reaches; no lock outlives
 * its process. The layout is described in docs/formats/store.md.
 */
export type * from './types.ts';
export { diskUsage, fileError, fileStream } from './files.ts';
export { openStore } from './open.ts';
export { rebuildDatabase } from './rebuild.ts';
