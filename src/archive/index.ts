/**
 * archive: byte streams. Tar in and out, compression, limits, determinism. A reader of hostile bytes never trusts a
 * length, and every entry it hands on has a clean path.
 */
export * from './entry.ts';
