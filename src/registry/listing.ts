import { isShaleError, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { headerOf } from '../http/index.ts';
import { digestOf, formatManifest, MEDIA, parseManifest, type Descriptor, type Digest } from '../oci/index.ts';
import { nextPage, PAGE_ENTRIES, PAGE_MAX_BYTES, PAGES_MAX, referrersTag } from './protocol.ts';
import { fetchManifest, readScopes, type Place } from './reading.ts';
import { failureOf, type RegistrySession } from './session.ts';
import { pushManifest } from './writing.ts';

interface Listing {
  readonly session: RegistrySession;
  readonly target: string;
  readonly scopes: readonly string[];
  readonly what: string;
}

/** The tags of a repository. @throws REPOSITORY_UNKNOWN, REGISTRY_PAGING */
export async function* listTags(place: Place): AsyncGenerator<string> {
  const listing = {
    session: place.session,
    target: `v2/${place.path}/tags/list?n=${PAGE_ENTRIES}`,
    scopes: readScopes(place.path),
    what: place.name,
  };
  for await (const page of pagesOf(listing)) yield* page.strings('tags') ?? [];
}

/** The repositories of a registry, where it tells. @throws REGISTRY_UNSUPPORTED, REGISTRY_PAGING */
export async function* listRepositories(session: RegistrySession): AsyncGenerator<string> {
  const target = `v2/_catalog?n=${PAGE_ENTRIES}`;
  const scopes = ['registry:catalog:*'];
  try {
    for await (const page of pagesOf({ session, target, scopes, what: `the list of ${session.host}` }))
      yield* page.strings('repositories') ?? [];
  } catch (error) {
    if (!isShaleError(error, 'REPOSITORY_UNKNOWN')) throw error;
    throw new ShaleError('REGISTRY_UNSUPPORTED', `${session.host} does not list its repositories`, { cause: error });
  }
}

async function* pagesOf(listing: Listing): AsyncGenerator<JsonReader> {
  const seen = new Set<string>();
  let target: string | URL = listing.target;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { response, bytes } = await listing.session.read(
      { method: 'GET', target, scopes: listing.scopes },
      { maxBytes: PAGE_MAX_BYTES, what: `a page of ${listing.what}` },
    );
    if (response.status !== 200)
      throw await failureOf(response, listing.session, {
        what: listing.what,
        unknownCode: 'REPOSITORY_UNKNOWN',
        verb: 'listed',
      });
    yield new JsonReader(parseJson(bytes, 'the list'), 'the list', 'REGISTRY_ERROR');
    const next = nextPage(headerOf(response, 'link'), response.url);
    if (next === undefined) return;
    if (seen.has(next.href))
      throw new ShaleError('REGISTRY_PAGING', `${response.url.host} lists ${listing.what} in a circle`);
    seen.add(next.href);
    target = next;
  }
  throw new ShaleError('REGISTRY_PAGING', `the list of ${listing.what} has more than ${PAGES_MAX} pages`);
}

/** What refers to a manifest: by the registry's own list, else by the tag that stands in for it. */
export async function listReferrers(
  place: Place,
  subject: Digest,
  artifactType: string | undefined,
): Promise<readonly Descriptor[]> {
  const query = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType }).toString()}`;
  const found: Descriptor[] = [];
  const listing = {
    session: place.session,
    target: `v2/${place.path}/referrers/${subject}${query}`,
    scopes: readScopes(place.path),
    what: `the referrers of ${place.name}@${subject}`,
  };
  try {
    for await (const page of pagesOf(listing)) found.push(...referrersIn(page));
  } catch (error) {
    if (!isShaleError(error, 'REPOSITORY_UNKNOWN')) throw error;
    found.push(...(await taggedReferrers(place, subject)));
  }
  return found.filter((one) => artifactType === undefined || one.artifactType === artifactType);
}

function referrersIn(page: JsonReader): readonly Descriptor[] {
  const manifests = page.raw('manifests') ?? [];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
  const document = parseManifest(bytes, MEDIA.ociIndex);
  return document.kind === 'index' ? document.index.manifests : [];
}

async function taggedReferrers(place: Place, subject: Digest): Promise<readonly Descriptor[]> {
  try {
    const fetched = await fetchManifest(place, referrersTag(subject));
    const document = parseManifest(fetched.bytes, fetched.mediaType);
    return document.kind === 'index' ? document.index.manifests : [];
  } catch (error) {
    if (isShaleError(error, 'MANIFEST_UNKNOWN')) return [];
    throw error;
  }
}

/** Adds a manifest to the tag that lists the referrers of its subject. Idempotent. */
export async function tagReferrer(place: Place, subject: Digest, referrer: Descriptor): Promise<void> {
  const others = (await taggedReferrers(place, subject)).filter((one) => one.digest !== referrer.digest);
  const bytes = formatManifest({
    kind: 'index',
    index: { mediaType: MEDIA.ociIndex, manifests: [...others, referrer] },
  });
  await pushManifest(place, { bytes, mediaType: MEDIA.ociIndex, reference: referrersTag(subject) });
}

/** How the list of referrers names a manifest (distribution-spec, "Listing Referrers"). */
export function referrerOf(
  bytes: Uint8Array,
  mediaType: string,
): { subject: Digest; referrer: Descriptor } | undefined {
  const document = parseManifest(bytes, mediaType);
  if (document.kind !== 'manifest' || document.manifest.subject === undefined) return undefined;
  const { subject, artifactType, config, annotations } = document.manifest;
  const referrer: Descriptor = {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
    artifactType: artifactType ?? config.mediaType,
    ...(annotations && { annotations }),
  };
  return { subject: subject.digest, referrer };
}
