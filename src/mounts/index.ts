/**
 * mounts: stacks of layers made visible as a rootfs, in a private mount namespace that only the programs spawned
 * through it can see.
 *
 * Invariants:
 * - The host's own mount table never changes. Mounts vanish with the last process in the namespace; kill -9 leaves none.
 * - A layer is mounted at most once per host, and unpacked at most once per store. Both drivers show the same tree.
 * - Nothing is written into a layer; the upper belongs to one mount at a time (its owner sees to that).
 */
export { joinMountHost, openMountHost } from './host.ts';
export type { LayerNode, LayerSource } from './layer-source.ts';
export type { PrivateFile, RootAttributes, UpperDirectories } from './protocol.ts';
export * from './types.ts';
export { unpackLayer, type UnpackOptions, type UnpackResult } from './unpack.ts';
export { unpackStored } from './unpack-stored.ts';
