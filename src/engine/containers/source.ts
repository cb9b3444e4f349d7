import { findImage, getImage, pullImage, readConfig, type FoundImage } from '../../images/index.ts';
import {
  formatReference,
  hostPlatform,
  parseReference,
  type ContainerConfig,
  type DiffId,
  type Digest,
} from '../../oci/index.ts';
import { findStepRootfs } from '../build-steps.ts';
import type { EngineContext } from '../context.ts';
import type { RunRequest, Watch } from '../types.ts';

/** What a container is made of: an image, or the root filesystem of a build's step. */
export interface ContainerSource {
  /** As the container's record names it. */
  readonly name: string;
  /** Absent for a step. */
  readonly imageId?: Digest;
  readonly diffIds: readonly DiffId[];
  readonly config: ContainerConfig;
}

/**
 * Finds what `run` was asked to run, pulling an image where it must. `BUILD:STEP` is a step of a build.
 * @throws IMAGE_NOT_FOUND, and what findStepRootfs and pulling throw
 */
export async function sourceOf(
  context: EngineContext,
  request: Pick<RunRequest, 'image' | 'pull'>,
  watch: Watch,
): Promise<ContainerSource> {
  const step = await findStepRootfs(context, request.image);
  if (step !== undefined) return step;
  const { record } = await imageFor(context, request, watch);
  const { config } = await readConfig(context.store, record.id);
  return { name: request.image, imageId: record.id, diffIds: record.diffIds, config };
}

async function imageFor(
  context: EngineContext,
  request: Pick<RunRequest, 'image' | 'pull'>,
  watch: Watch,
): Promise<FoundImage> {
  const there = request.pull === 'always' ? undefined : await findImage(context.store, request.image, hostPlatform());
  if (there !== undefined || request.pull === 'never') return there ?? getImage(context.store, request.image);
  if (/^[0-9a-f]{12,64}$/.test(request.image)) return getImage(context.store, request.image);
  const reference = parseReference(request.image);
  await pullImage(context.layers, reference, {
    platform: hostPlatform(),
    registry: context.registry(watch.signal),
    lazy: false,
  });
  return getImage(context.store, formatReference(reference));
}
