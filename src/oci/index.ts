/**
 * oci: the vocabulary of images. Digest, descriptor, manifest, config, reference, platform: types, with functions that
 * parse and format them. Nothing here reads a file or a socket. A document's raw bytes are what its digest is of:
 * parsing gives a view of them, and nothing is ever formatted again to be sent on.
 */
export * from './config.ts';
export * from './digest.ts';
export * from './image.ts';
export * from './manifest.ts';
export * from './media-types.ts';
export * from './platform.ts';
export * from './reference.ts';
