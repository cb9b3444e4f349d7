import { findImage, getImage, pullImage, readConfig, type FoundImage } from '../../images/index.ts';
import { ShaleError } from '../../base/index.ts';
import {
  formatPlatform,
  formatReference,
  hostPlatform,
  parsePlatform,
  parseReference,
  type Platform,
  platformMatches,
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
  request: Pick<RunRequest, 'image' | 'pull' | 'platform'>,
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
  request: Pick<RunRequest, 'image' | 'pull' | 'platform'>,
  watch: Watch,
): Promise<FoundImage> {
  const platform = request.platform === undefined ? hostPlatform() : parsePlatform(request.platform);
  const there = request.pull === 'always' ? undefined : await findImage(context.store, request.image, platform);
  const isIt = there !== undefined && (request.platform === undefined || (await isFor(context, there, platform)));
  if (isIt) return there;
  if (request.pull === 'never' || /^(sha256:)?[0-9a-f]{12,64}$/.test(request.image)) {
    if (there === undefined) return getImage(context.store, request.image);
    throw notFor(request.image, platform);
  }
  const reference = parseReference(request.image);
  await pullImage(context.layers, reference, { platform, registry: context.registry(watch.signal), lazy: false });
  const pulled = await findImage(context.store, formatReference(reference), platform);
  const found = pulled ?? (await getImage(context.store, formatReference(reference)));
  if (request.platform !== undefined && !(await isFor(context, found, platform))) throw notFor(request.image, platform);
  return found;
}

async function isFor(context: EngineContext, { record }: FoundImage, platform: Platform): Promise<boolean> {
  return platformMatches(platform, await readConfig(context.store, record.id));
}

function notFor(image: string, platform: Platform): ShaleError {
  return new ShaleError('PLATFORM_NOT_FOUND', `the image ${image} is not for ${formatPlatform(platform)}`, {
    data: { image, platform: formatPlatform(platform) },
  });
}
