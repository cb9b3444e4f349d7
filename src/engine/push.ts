import { isShaleError, ShaleError } from '../base/index.ts';
import {
  copyImage,
  getImage,
  registrySink,
  takeImage,
  type Document,
  type StoreSource,
  type TellBlob,
} from '../images/index.ts';
import {
  familiarName,
  formatReference,
  parsePlatform,
  parseReference,
  type Digest,
  type Reference,
} from '../oci/index.ts';
import type { EngineContext } from './context.ts';
import { formatPlace, openSink, openSource, parsePlace, storeName, openStored } from './places.ts';
import { transferring } from './transfer-progress.ts';
import type { ImageCopyRequest, ImageCopyResult, PushRequest, PushResult, Watch } from './types.ts';

/** `shale push`. @throws IMAGE_NOT_FOUND, PUSH_REFUSED, and what the registry client throws */
export async function push(context: EngineContext, request: PushRequest, watch: Watch): Promise<PushResult> {
  const reference = parseReference(request.destination ?? request.image);
  await refuseForeignName(context, request, reference);
  return await transferring(context, watch, `push ${familiarName(reference)}`, (tell) =>
    pushOne(context, request, { reference, watch, tell }),
  );
}

/** Every tag of a repository that the store has. */
export async function* pushAllTags(
  context: EngineContext,
  request: PushRequest,
  watch: Watch,
): AsyncGenerator<PushResult> {
  const { registry, repository } = parseReference(request.image);
  const prefix = `${registry}/${repository}:`;
  const tags = (await context.store.tags.list()).filter((tag) => tag.name.startsWith(prefix));
  if (tags.length === 0)
    throw new ShaleError('IMAGE_NOT_FOUND', `the store has no tag of ${request.image}`, {
      data: { name: request.image },
    });
  for (const tag of tags) yield await push(context, { ...request, image: tag.name }, watch);
}

async function pushOne(
  context: EngineContext,
  request: PushRequest,
  { reference, watch, tell }: { readonly reference: Reference; readonly watch: Watch; readonly tell: TellBlob },
): Promise<PushResult> {
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  const { compression, level } = request;
  const { format } = request;
  // What is said about a manifest that is converted is about another one: an index does not list it.
  const attestationStyle = format === undefined ? undefined : 'referrers';
  const how = { compression, level, platform, attestationStyle } as const;
  await using source = await openStored(context, request.image, watch, how);
  await using sink = registrySink(reference, context.registry(watch.signal));
  const pushed = await copyImage(source, sink, {
    platform: 'all',
    format,
    // They are about the manifest as it is.
    referrers: format === undefined,
    signal: watch.signal,
    tell,
  });
  if (format !== undefined && (await hasReferrers(source)))
    watch.progress?.({
      kind: 'warning',
      message: 'the attestations of the image stay here: they are about its manifest without --format',
      time: context.options.now(),
    });
  await recordPush(context, source.manifests, `${reference.registry}/${reference.repository}`);
  return { name: familiarName(reference), ...resultOf(pushed) };
}

async function hasReferrers(source: StoreSource): Promise<boolean> {
  for (const { digest } of source.manifests.values()) if ((await source.referrers(digest)).length > 0) return true;
  return false;
}

function resultOf({ digest, bytes }: Document): { digest: string; sizeBytes: number } {
  return { digest, sizeBytes: bytes.byteLength };
}

/** Where an image is known to be: what `RepoDigests` shows, and what saves the next push from asking. */
async function recordPush(
  { store }: EngineContext,
  manifests: ReadonlyMap<Digest, Document>,
  repository: string,
): Promise<void> {
  const images = [];
  for (const [id, { digest, bytes, mediaType }] of manifests) {
    const record = await store.images.find(id);
    const isKnown = record?.manifests.some((one) => one.digest === digest && one.repositories.includes(repository));
    if (record === undefined || isKnown === true) continue;
    images.push({
      ...record,
      manifests: [{ digest, mediaType, sizeBytes: bytes.byteLength, repositories: [repository] }],
    });
  }
  if (images.length > 0) await store.publish({ images, reason: 'push' });
}

/** What was made here under the name of one of Docker Hub's own images is not what people expect there. */
async function refuseForeignName({ store }: EngineContext, request: PushRequest, reference: Reference): Promise<void> {
  if (request.force || reference.registry !== 'docker.io' || !reference.repository.startsWith('library/')) return;
  try {
    if (!(await getImage(store, request.image)).record.madeHere) return;
  } catch (error) {
    if (isShaleError(error, 'IMAGE_NOT_FOUND')) return;
    throw error;
  }
  throw new ShaleError(
    'PUSH_REFUSED',
    `${request.image} was made here, and ${formatReference(reference)} is Docker Hub's own`,
    {
      hint: `shale tag ${request.image} OTHER/NAME and push that; or --force`,
    },
  );
}

/** `shale copy`. @throws PLACE_INVALID, PLATFORM_UNKNOWN, and what source and sink throw */
export async function copyBetween(
  context: EngineContext,
  request: ImageCopyRequest,
  watch: Watch,
): Promise<ImageCopyResult> {
  const from = parsePlace(request.source, request.folder);
  const to = parsePlace(request.destination, request.folder);
  const wanted = request.platform === undefined ? undefined : parsePlatform(request.platform);
  const platform = wanted ?? 'all';
  return await transferring(context, watch, `copy ${formatPlace(from)} to ${formatPlace(to)}`, async (tell) => {
    const { signal } = watch;
    const attestationStyle = request.format === undefined ? undefined : 'referrers';
    await using source = await openSource(context, from, watch, { platform: wanted, attestationStyle });
    if (to.kind === 'store') {
      if (request.referrers)
        throw new ShaleError('PLACE_INVALID', 'the store does not take in what refers to an image elsewhere', {
          hint: 'copy to oci:FOLDER or docker://NAME; shale attestations docker://NAME reads it where it is',
        });
      const name = storeName(to.image);
      const taken = await takeImage(context.layers, source, {
        platform,
        lazy: false,
        name,
        reason: 'copy',
        signal,
        tell,
      });
      return { digest: taken.digest };
    }
    await using sink = openSink(context, to, watch);
    const { format, referrers } = request;
    const { digest } = await copyImage(source, sink, { platform, format, referrers, signal, tell });
    return { digest };
  });
}
