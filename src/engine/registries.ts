import { collect, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { registrySource, type Document } from '../images/index.ts';
import { isDigest, parseManifest, parseReference, type Descriptor } from '../oci/index.ts';
import { openRepository, repositoriesOf, searchHub } from '../registry/index.ts';
import type { EngineContext } from './context.ts';
import type { FoundRepository, Watch } from './types.ts';

/** Repositories that a search gives at most. */
const FOUND_MAX = 100;

/** The tags of a repository, as the registry orders them. */
export async function* tagsOf(context: EngineContext, repository: string, watch: Watch): AsyncGenerator<string> {
  yield* openRepository(parseReference(repository), context.registry(watch.signal)).tags();
}

/** The repositories of a registry, where it tells. */
export function repositories(context: EngineContext, registry: string, watch: Watch): AsyncIterable<string> {
  return repositoriesOf(registry, context.registry(watch.signal));
}

/** Deletes a tag, or a manifest with all its tags by digest, in a registry. @throws MANIFEST_UNKNOWN, REGISTRY_UNSUPPORTED */
export async function deleteRemote(context: EngineContext, name: string, watch: Watch): Promise<void> {
  const { tag, digest, ...reference } = parseReference(name);
  const repository = openRepository(reference, context.registry(watch.signal));
  await repository.deleteManifest(digest ?? tag ?? 'latest');
}

/** What refers to an image of a registry. */
export async function referrersOf(
  context: EngineContext,
  name: string,
  artifactType: string | undefined,
  watch: Watch,
): Promise<readonly Descriptor[]> {
  const reference = parseReference(name);
  const repository = openRepository(reference, context.registry(watch.signal));
  const subject = reference.digest ?? (await repository.findManifest(reference.tag ?? 'latest'));
  if (!isDigest(subject)) throw new ShaleError('MANIFEST_UNKNOWN', `${name} does not exist`, { data: { name } });
  return await repository.referrers(subject, artifactType);
}

/** A manifest or index of a registry. @throws MANIFEST_UNKNOWN, MANIFEST_INVALID */
export async function remoteDocument(context: EngineContext, name: string, watch: Watch): Promise<Document> {
  await using source = registrySource(parseReference(name), context.registry(watch.signal));
  const document = await source.root();
  parseManifest(document.bytes, document.mediaType);
  return document;
}

/** Looks for repositories: by Docker Hub's search, elsewhere among all names of the registry. @throws REGISTRY_UNSUPPORTED */
export async function search(
  context: EngineContext,
  request: { readonly registry: string; readonly term: string; readonly limit: number },
  watch: Watch,
): Promise<readonly FoundRepository[]> {
  const { registry, term } = request;
  const limit = Math.min(request.limit, FOUND_MAX);
  const options = context.registry(watch.signal);
  if (registry === 'docker.io') return await parseFound(await searchHub(term, limit, options));
  const found: FoundRepository[] = [];
  for await (const name of repositoriesOf(registry, options)) {
    if (name.includes(term.toLowerCase()))
      found.push({ name: `${registry}/${name}`, description: '', stars: 0, official: false });
    if (found.length >= limit) break;
  }
  return found;
}

async function parseFound(body: AsyncIterable<Uint8Array>): Promise<FoundRepository[]> {
  const bytes = await collect(body, 4 * 1024 * 1024, 'the search result');
  const fields = new JsonReader(parseJson(bytes, 'the search result'), 'the search result', 'REGISTRY_ERROR');
  return (fields.objects('results') ?? []).map((result) => ({
    name: result.string('name') ?? '',
    description: result.string('description') ?? '',
    stars: result.integer('star_count') ?? 0,
    official: result.boolean('is_official') ?? false,
  }));
}
