/**
 * base: what Node lacks, and nothing of containers. Errors, byte strings, streams, pools, durable files, safe paths.
 * Imports nothing of shale.
 */
export * from './bounded-cache.ts';
export * from './byte-string.ts';
export * from './collect-garbage.ts';
export * from './duration.ts';
export * from './errors.ts';
export * from './file-mode.ts';
export * from './framing.ts';
export * from './glob.ts';
export * from './human-size.ts';
export * from './json.ts';
export * from './line-changes.ts';
export * from './line-of-key.ts';
export * from './make-folders.ts';
export * from './named.ts';
export * from './owner.ts';
export * from './pace.ts';
export * from './pool.ts';
export * from './random.ts';
export * from './rows.ts';
export * from './sha256.ts';
export * from './streams.ts';
export * from './sync-folder.ts';
export * from './version.ts';
export * from './whole-file.ts';
