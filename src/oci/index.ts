/**
 * oci: the vocabulary of images. Digest, descriptor, manifest, config, reference, platform: types, with functions that
 * parse and format them. Nothing here reads a file or a socket.
 */
export * from './digest.ts';
export * from './image.ts';
