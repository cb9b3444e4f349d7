/**
 * bases: base images made from package repositories instead of pulled. Debian and Alpine: signature, index, resolver,
 * unpacker, configuration in a container, normalised into one layer. Nothing that comes from a mirror is used before its hash
 * is known from a signed file; nothing that the machine or the hour decides gets into the image.
 */
export {
  type AptSourcesFile,
  chooseMirror,
  findHostMirrors,
  type HostMirrors,
  parseAptSources,
} from './debian/apt-sources.ts';
export { readHostAptSources } from './debian/host-sources.ts';
export { compareVersions } from './debian/version.ts';
export { alpineArchitecture } from './alpine/architectures.ts';
export { type AlpineBase, makeAlpineBase } from './alpine/make-alpine-base.ts';
export type { AlpineBaseOptions } from './alpine/options.ts';
export { alpineVersions, type AlpineOfferOptions } from './alpine/offered-versions.ts';
export { debianVersions, type DebianOfferOptions } from './debian/offered-versions.ts';
export { type PackageFileRequest, readPackageFile } from './debian/package-file.ts';
export { type Fetcher, HttpFetcher, type HttpFetcherOptions } from './fetch.ts';
export { isDebianArchitecture, debianArchitecture } from './debian/image-config.ts';
export { type BaseImage, type BasePackage, makeDebianBase } from './debian/make-debian-base.ts';
export type { DebianBaseOptions } from './debian/options.ts';
export type { BaseProgress } from './progress.ts';
export type {
  BaseHost,
  ContentCache,
  LayerSink,
  SeenLists,
  StepRequest,
  StepResult,
  StepRunner,
  StoredLayer,
  WorkFolder,
} from './host.ts';

/** What can go wrong while a base image is made, besides the errors of the readers of tars and compressed streams. */
export type BasesErrorCode =
  | 'APK_DEPENDENCY'
  | 'APK_MALFORMED'
  | 'APK_VERSION_3'
  | 'ARCHITECTURE_NOT_FOUND'
  | 'CONFIGURE_FAILED'
  | 'CONTROL_MALFORMED'
  | 'DEB_MALFORMED'
  | 'DEPENDENCY_UNSATISFIED'
  | 'EPOCH_INVALID'
  | 'FETCH_FAILED'
  | 'FETCH_NOT_FOUND'
  | 'FILE_CONFLICT'
  | 'HASH_MISMATCH'
  | 'KEYRING_UNREADABLE'
  | 'LAYER_MALFORMED'
  | 'LIMIT_EXCEEDED'
  | 'LIST_OUTDATED'
  | 'MIRROR_INVALID'
  | 'MIRROR_UNKNOWN'
  | 'OPENPGP_MALFORMED'
  | 'PACKAGES_CONFLICT'
  | 'PACKAGE_NOT_FOUND'
  | 'RELEASE_EXPIRED'
  | 'RELEASE_FROM_FUTURE'
  | 'RELEASE_MALFORMED'
  | 'SIGNATURE_INVALID'
  | 'SUITE_NOT_FOUND'
  | 'TREE_PATH';
