/**
 * archive: byte streams. Tar in and out, compression, limits, determinism.
 *
 * A reader of hostile bytes never trusts a length, needs the same memory whatever the size of the stream, and hands on
 * only entries with a clean path; whatever is wrong is a ShaleError with a code, never a partial result that looks
 * whole. A writer gives the same bytes for the same input, on every machine and whatever the number of its cores.
 */
export * from './compress.ts';
export type { CompressionErrorCode } from './compression-errors.ts';
export * from './decompress.ts';
export * from './entry.ts';
export * from './layer-order.ts';
export * from './limits.ts';
export * from './read-tar.ts';
export { type Compression, SNIFF_BYTES, sniffCompression } from './sniff.ts';
export { isTar } from './tar-header.ts';
export type { TarErrorCode, TarWarning } from './tar-errors.ts';
export type { TarHandler, TarReadOptions } from './tar-handler.ts';
export { TarParser } from './tar-parser.ts';
export * from './write-tar.ts';
