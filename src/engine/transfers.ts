import { ShaleError, type ByteStream } from '../base/index.ts';
import {
  findImage,
  getImage,
  getPlatformImage,
  importRootfs,
  loadArchive,
  pullImage,
  saveArchive,
} from '../images/index.ts';
import {
  familiarName,
  formatReference,
  hostPlatform,
  parseDigest,
  parsePlatform,
  parseReference,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { openRepository } from '../registry/index.ts';
import { applyChanges } from './changes.ts';
import type { EngineContext } from './context.ts';
import { transferring } from './transfer-progress.ts';
import type { ImportRequest, PullRequest, PullResult, SaveRequest, Watch } from './types.ts';

/** @throws what reading the tar throws */
export async function importImage(
  context: EngineContext,
  tar: ByteStream,
  request: ImportRequest,
  watch: Watch,
): Promise<{ imageId: string }> {
  const platform = platformOrHost(request.platform);
  const imageId = await importRootfs(context.layers, tar, {
    platform,
    config: await applyChanges({}, request.changes),
    created: new Date(context.options.now()).toISOString(),
    message: request.message ?? 'imported',
    names: request.tag === undefined ? [] : [request.tag],
    signal: watch.signal,
  });
  return { imageId };
}

export async function loadImages(
  context: EngineContext,
  archive: ByteStream | { readonly file: string },
  watch: Watch,
): Promise<{ imageId: string; tags: string[] }[]> {
  const loaded = await loadArchive(context.layers, archive, { signal: watch.signal });
  return loaded.map(({ id, names }) => ({
    imageId: id,
    tags: names.map((name) => familiarName(parseReference(name))),
  }));
}

/** @throws IMAGE_NOT_FOUND before the first byte */
export async function* saveImages(
  context: EngineContext,
  request: SaveRequest,
  watch: Watch,
): AsyncGenerator<Uint8Array> {
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  const images = [];
  for (const name of request.images)
    images.push(
      await (platform === undefined ? getImage(context.store, name) : getPlatformImage(context.store, name, platform)),
    );
  yield* saveArchive(context.layers, images, {
    format: request.format,
    compression: request.compression ?? 'none',
    signal: watch.signal,
  });
}

/** Pulls, and says whether anything is new. A tag that was made here is not replaced by another image. */
export async function pull(context: EngineContext, request: PullRequest, watch: Watch): Promise<PullResult> {
  const reference = parseReference(request.image);
  const full = formatReference({ ...reference, digest: undefined });
  const name = familiarName(reference);
  const before = await context.store.tags.find(full);
  await refuseMadeHere(context, full);
  // What is pulled is what was verified, though the tag may move meanwhile.
  const signed = request.publicKey === undefined ? reference : await signedBy(context, reference, request, watch);
  const pulled = await transferring(context, watch, `pull ${name}`, (tell) =>
    pullImage(context.layers, signed, {
      platform: request.allPlatforms === true ? 'all' : platformOrHost(request.platform),
      registry: context.registry(watch.signal),
      lazy: false,
      tell,
    }),
  );
  const changed = ![pulled.id, pulled.digest].includes(before?.target.digest ?? pulled.id) || before === undefined;
  return { imageId: pulled.id, name, digest: pulled.digest, changed };
}

/** The reference with the digest that the owner of the key has signed. @throws SIGNATURE_NOT_FOUND, SIGNATURE_INVALID, KEY_… */
async function signedBy(
  context: EngineContext,
  reference: Reference,
  { publicKey = '' }: PullRequest,
  watch: Watch,
): Promise<Reference> {
  const { verifyImage } = await import('./attestations/verify.ts');
  const { digest } = await verifyImage(context, { image: formatReference(reference), publicKey }, watch);
  return { ...reference, digest: parseDigest(digest) };
}

/** Pulls every tag of a repository, one after the other. */
export async function* pullAllTags(
  context: EngineContext,
  request: PullRequest,
  watch: Watch,
): AsyncGenerator<PullResult> {
  const reference = parseReference(request.image);
  const tags: string[] = [];
  for await (const tag of openRepository(reference, context.registry(watch.signal)).tags()) tags.push(tag);
  for (const tag of tags.toSorted())
    yield await pull(context, { ...request, image: formatReference({ ...reference, tag }) }, watch);
}

function platformOrHost(text: string | undefined): Platform {
  return text === undefined ? hostPlatform() : parsePlatform(text);
}

async function refuseMadeHere({ store }: EngineContext, name: string): Promise<void> {
  const there = await findImage(store, name);
  if (there?.record.madeHere !== true) return;
  throw new ShaleError('TAG_MADE_HERE', `${name} was made here and would be replaced by the registry's`, {
    hint: 'give it another name with "shale tag", then remove this one with "shale rmi"',
  });
}
