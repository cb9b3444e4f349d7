/**
 * bases: base images made from package repositories instead of pulled. Debian: signature, index, resolver, unpacker,
 * configuration in a container, normalised into one layer. Nothing that comes from a mirror is used before its hash
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
export { type Fetcher, HttpFetcher, type HttpFetcherOptions } from './fetch.ts';
export { isDebianArchitecture, debianArchitecture } from './debian/image-config.ts';
export {
  type BaseImage,
  type BasePackage,
  type BaseProgress,
  type DebianBaseOptions,
  makeDebianBase,
} from './debian/make-debian-base.ts';
export type {
  BaseHost,
  ContentCache,
  LayerSink,
  StepRequest,
  StepResult,
  StepRunner,
  StoredLayer,
  WorkFolder,
} from './host.ts';
