import type { Exploration } from '../../explore/index.ts';
import type { Watch } from '../watch.ts';

export interface ExploreRequest {
  /**
   * An image of the store, or a place as `copy` names it: `docker://NAME`, `oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]`,
   * `docker-archive:FILE[:NAME]`, `dir:FOLDER`; or the path of such a file or folder (with a slash in it).
   */
  readonly image: string;
  /** Of an image for several: `linux/arm64`; that of this machine when absent. */
  readonly platform?: string;
  /** That paths begin in. */
  readonly folder: string;
}

export interface ExploreOperations {
  /**
   * Opens an image to be looked into; who asks disposes it. Nothing is mounted or unpacked. Layers that are not in the store
   * are gone through once where they lie, and what was seen is left in the store.
   * @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS, PLATFORM_UNKNOWN, PLACE_INVALID, DIGEST_MISMATCH, and what the source throws
   */
  readonly explore: (request: ExploreRequest, watch: Watch) => Promise<Exploration>;
}
