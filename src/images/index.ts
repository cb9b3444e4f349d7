/**
 * images: images as immutable views, and where they come from and go to: a root filesystem, an archive, a registry. An
 * image is its config, whose bytes are never changed; its layers are shared with every image that has them. Whatever takes
 * an image in verifies all of it before any name leads to it.
 */
export * from './archive.ts';
export * from './archive-reader.ts';
export { ImageArchive } from './archive-reader.ts';
export * from './choose.ts';
export * from './content.ts';
export * from './convert.ts';
export * from './copy-image.ts';
export * from './dir-place.ts';
export * from './docker-archive-place.ts';
export * from './encode.ts';
export { holdImage } from './held-image.ts';
export * from './history.ts';
export * from './image-file.ts';
export * from './image-set.ts';
export * from './image-files.ts';
export * from './import.ts';
export * from './layout-folder.ts';
export * from './layout-source.ts';
export * from './layout.ts';
export * from './layout-place.ts';
export * from './load.ts';
export * from './open-archive.ts';
export * from './pack.ts';
export * from './pull.ts';
export * from './read-attestations.ts';
export * from './registry-place.ts';
export * from './resolve.ts';
export * from './save.ts';
export * from './stack-of-source.ts';
export * from './store-source.ts';
export * from './take-image.ts';
export * from './unpack-layer.ts';
