import { isShaleError, type ByteStream } from '../base/index.ts';
import type { Descriptor, Digest, Reference } from '../oci/index.ts';
import { listReferrers, listRepositories, listTags, referrerOf, tagReferrer } from './listing.ts';
import { blobSize, fetchBlob, fetchManifest, findManifest, hasBlob, type Place } from './reading.ts';
import type { FetchedManifest, PushBlobOptions, PushManifest, Repository } from './repository.ts';
import { drain, failureOf, sessionWith, type RegistryOptions } from './session.ts';
import { deleteManifest, pushBlob, pushManifest } from './writing.ts';

export type { FetchedManifest, PushBlobOptions, PushManifest, Repository } from './repository.ts';
export { isInsecureAllowed, type RegistryOptions } from './session.ts';

/** Opens a repository. Nothing is asked for yet. */
export function openRepository(
  reference: Pick<Reference, 'registry' | 'repository'>,
  options: RegistryOptions,
): Repository {
  const { registry, repository: path } = reference;
  const name = `${registry}/${path}`;
  const own: Place = { session: sessionWith(registry, options), path, name };
  const mirrors = (options.mirrors?.[registry] ?? []).map((mirror): Place => {
    const session = sessionWith(registry, options, mirror);
    return { session, path, name: `${session.host}/${path}` };
  });
  return mirrors.length === 0 ? new RepositoryClient(own) : new MirroredRepository(own, mirrors);
}

/** The repositories of a registry. @throws REGISTRY_UNSUPPORTED where it does not tell */
export function repositoriesOf(registry: string, options: RegistryOptions): AsyncIterable<string> {
  return listRepositories(sessionWith(registry, options));
}

/** Docker Hub's answer to a search (its version 1 API, which `docker search` asks too). */
export async function searchHub(term: string, limit: number, options: RegistryOptions): Promise<ByteStream> {
  const session = sessionWith('docker.io', options);
  const query = new URLSearchParams({ q: term, n: String(limit) });
  const target = new URL(`https://index.docker.io/v1/search?${query.toString()}`);
  const response = await session.request({ method: 'GET', target, scopes: [] });
  if (response.status === 200) return response.body;
  throw await failureOf(response, session, { what: 'the search', unknownCode: 'REGISTRY_UNSUPPORTED', verb: 'used' });
}

/** Asks a registry whether it knows the credentials in `options`. @throws REGISTRY_AUTH, REGISTRY_UNREACHABLE */
export async function checkLogin(registry: string, options: RegistryOptions): Promise<void> {
  const session = sessionWith(registry, options);
  const response = await session.request({ method: 'GET', target: 'v2/', scopes: [] });
  if (response.status !== 200)
    throw await failureOf(response, session, {
      what: `the registry ${registry}`,
      unknownCode: 'REGISTRY_ERROR',
      verb: 'used',
    });
  await drain(response);
}

class RepositoryClient implements Repository {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get name(): string {
    return this.#place.name;
  }

  manifest(tagOrDigest: string): Promise<FetchedManifest> {
    return fetchManifest(this.#place, tagOrDigest);
  }

  findManifest(tagOrDigest: string): Promise<Digest | undefined> {
    return findManifest(this.#place, tagOrDigest);
  }

  blob(descriptor: Descriptor, offset = 0): ByteStream {
    return fetchBlob(this.#place, descriptor, offset);
  }

  hasBlob(descriptor: Descriptor): Promise<boolean> {
    return hasBlob(this.#place, descriptor);
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return blobSize(this.#place, digest);
  }

  pushBlob(descriptor: Descriptor, options: PushBlobOptions): Promise<'mounted' | 'sent'> {
    return pushBlob(this.#place, descriptor, options);
  }

  async pushManifest(manifest: PushManifest): Promise<void> {
    const { listsReferrers } = await pushManifest(this.#place, manifest);
    const about = listsReferrers ? undefined : referrerOf(manifest.bytes, manifest.mediaType);
    if (about !== undefined) await tagReferrer(this.#place, about.subject, about.referrer);
  }

  deleteManifest(tagOrDigest: string): Promise<void> {
    return deleteManifest(this.#place, tagOrDigest);
  }

  tags(): AsyncIterable<string> {
    return listTags(this.#place);
  }

  referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]> {
    return listReferrers(this.#place, subject, artifactType);
  }
}

/**
 * Reads from mirrors first. One that is down, or does not have what is asked for, is passed over; one that lies is not.
 * Everything but manifests and blobs is the registry's own affair.
 */
class MirroredRepository extends RepositoryClient {
  readonly #places: readonly RepositoryClient[];

  constructor(own: Place, mirrors: readonly Place[]) {
    super(own);
    this.#places = [...mirrors, own].map((place) => new RepositoryClient(place));
  }

  override async manifest(tagOrDigest: string): Promise<FetchedManifest> {
    let failure: unknown;
    for (const place of this.#places) {
      try {
        return await place.manifest(tagOrDigest);
      } catch (error) {
        if (!isAbsence(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  override async *blob(descriptor: Descriptor, offset = 0): AsyncGenerator<Uint8Array> {
    let failure: unknown;
    for (const place of this.#places) {
      let begun = false;
      try {
        for await (const chunk of place.blob(descriptor, offset)) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        if (begun || !isAbsence(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

function isAbsence(error: unknown): boolean {
  return isShaleError(
    error,
    'MANIFEST_UNKNOWN',
    'BLOB_UNKNOWN',
    'REGISTRY_UNREACHABLE',
    'REGISTRY_ERROR',
    'REGISTRY_AUTH',
  );
}
