import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { decompress, isTar, sniffCompression } from '../archive/index.ts';
import {
  collect,
  framedHash,
  fromText,
  isJsonObject,
  isSystemError,
  limitBytes,
  messageOf,
  ShaleError,
  type ByteStream,
} from '../base/index.ts';
import {
  gitResult,
  isGitAddress,
  openStackTree,
  parseGitReference,
  readLocalFile,
  readRevision,
  readTreeFile,
  shownUrl,
  UNPACKED_BYTES_MAX,
  type ContextPlace,
  type Fetching,
  type GivenContexts,
  type NamedPlace,
  type Revision,
  type SourceNode,
  type Sources,
  type StoredContext,
} from '../build/index.ts';
import { DOCKERFILE_MAX_BYTES, type ResolvedImage } from '../dockerfile/index.ts';
import {
  formatReference,
  hexOf,
  isDigest,
  parseDiffId,
  parseReference,
  type DiffId,
  type Digest,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import type { EngineContext } from './context.ts';
import type { BuildRequest, ContextSource, LayoutSource, SourceFiles, SourceFilesRequest, Watch } from './types.ts';

/** What a build reads before there is a plan. */
export interface BuildInput {
  readonly contexts: GivenContexts;
  readonly dockerfile: { readonly bytes: Uint8Array; readonly name: string; readonly path: string | undefined };
  /** The image of an OCI layout that is a context; undefined for any other name. */
  readonly resolveLayout: (
    reference: Reference,
    platform: Platform,
    signal: AbortSignal,
  ) => Promise<ResolvedImage | undefined>;
  /** The target of the same bake that is a context; undefined for any other name. */
  readonly targetOf: (reference: Reference) => string | undefined;
}

/** Bytes that are enough to tell an archive. */
const PROBE_BYTES = 512;
const DOCKERFILE_NAMES: readonly string[] = ['Dockerfile', 'Containerfile'];
/** The name of a file that is a context by itself, as with BuildKit. */
const LONE_FILE = 'context';

/**
 * Finds the Dockerfile and what is to be copied from. A directory is read when steps ask for its files; what is elsewhere is
 * brought into the store, since the Dockerfile is in it.
 * @throws CONTEXT_NOT_FOUND, DOCKERFILE_NOT_FOUND, and what fetching throws
 */
export async function loadInput(
  context: EngineContext,
  request: BuildRequest,
  sources: Sources,
  watch: Watch,
): Promise<BuildInput> {
  const loader = new ContextLoader(context, sources, request);
  const named = new Map<string, NamedPlace>();
  for (const [name, source] of Object.entries(request.buildContexts ?? {})) named.set(name, loader.named(name, source));
  const modes = request.contextModes ?? 'exact';
  const { dockerfile, ...given } = await told(context, request, watch, (fetching) => loader.main(fetching));
  return {
    contexts: { ...given, named, modes },
    dockerfile,
    resolveLayout: (reference, platform, signal) => loader.resolveLayout(reference, platform, signal),
    targetOf: (reference) => loader.targetOf(reference),
  };
}

const LOADING = { id: 'context', number: 0, name: '[internal] load remote build context' } as const;

/** What is not on this machine may take long: it is shown as a step. */
async function told<T>(
  { options: { now } }: EngineContext,
  { context }: BuildRequest,
  { signal, progress = () => {} }: Watch,
  load: (fetching: Fetching) => Promise<T>,
): Promise<T> {
  if (context.kind !== 'address') return load({ signal });
  const { id } = LOADING;
  progress({ kind: 'vertex-started', ...LOADING, time: now() });
  try {
    const loaded = await load({
      signal,
      progress: (current, total) => progress({ kind: 'progress', id, what: 'fetching', current, total, time: now() }),
    });
    progress({ kind: 'vertex-done', id, cached: false, time: now() });
    return loaded;
  } catch (error) {
    progress({ kind: 'vertex-error', id, message: messageOf(error), time: now() });
    throw error;
  }
}

interface MainContext
  extends Pick<BuildInput, 'dockerfile'>, Pick<GivenContexts, 'main' | 'title' | 'madeAt' | 'revision'> {}

/** A context that is in the store, with what it says of itself. */
interface Loaded {
  readonly result: StoredContext;
  /** Undefined for a single file, */
  readonly root: SourceNode | undefined;
  /** which is a Dockerfile then. */
  readonly loneFile: Digest | undefined;
  readonly madeAt: () => number | undefined;
}

/** What of a build says how its contexts are read. */
type ContextRequest = Pick<BuildRequest, 'context' | 'dockerfile' | 'buildArgs' | 'ssh'>;

/**
 * Files of a repository or archive at an address, by their paths in it: those that are there; or the one file that the address
 * is.
 * @throws CONTEXT_NOT_FOUND, GIT_ADDRESS, LIMIT_EXCEEDED, FILE_NOT_REGULAR, and what fetching throws
 */
export async function filesAt(
  context: EngineContext,
  { address, paths, maxBytes }: SourceFilesRequest,
  sources: Sources,
  fetching: Fetching,
): Promise<SourceFiles> {
  const loader = new ContextLoader(context, sources, { context: { kind: 'address', address }, buildArgs: {} });
  const { root, loneFile } = await loader.address(address, fetching);
  if (loneFile !== undefined) {
    const content = context.store.blobs.stream(loneFile);
    return { kind: 'file', bytes: await collect(content, maxBytes, shownAddress(address)) };
  }
  const found = paths.map((path) => [path, readTreeFile(root, fromText(path), maxBytes)] as const);
  return { kind: 'tree', files: new Map(found.filter((one): one is [string, Buffer] => one[1] !== undefined)) };
}

class ContextLoader {
  readonly #context: EngineContext;
  readonly #sources: Sources;
  readonly #request: ContextRequest;
  readonly #layouts = new Map<string, LayoutSource>();
  readonly #targets = new Map<string, string>();

  constructor(context: EngineContext, sources: Sources, request: ContextRequest) {
    this.#context = context;
    this.#sources = sources;
    this.#request = request;
  }

  named(name: string, source: ContextSource): NamedPlace {
    if (source.kind === 'layout') {
      requireDirectory(source.path);
      const reference = privateReference('oci-layout', name, this.#layouts.size);
      this.#layouts.set(reference, source);
      return { kind: 'image', reference };
    }
    if (source.kind === 'target') {
      const reference = privateReference('bake-target', name, this.#targets.size);
      this.#targets.set(reference, source.target);
      return { kind: 'image', reference };
    }
    if (source.kind === 'image') return { kind: 'image', reference: source.reference };
    if (source.kind === 'directory') {
      requireDirectory(source.path);
      return { kind: 'files', place: { kind: 'directory', path: source.path } };
    }
    const load = async (fetching: Fetching): Promise<StoredContext> =>
      (await this.address(source.address, fetching)).result;
    return { kind: 'files', place: { kind: 'stored', load } };
  }

  targetOf(reference: Reference): string | undefined {
    return this.#targets.get(formatReference(reference));
  }

  async resolveLayout(
    reference: Reference,
    platform: Platform,
    signal: AbortSignal,
  ): Promise<ResolvedImage | undefined> {
    const layout = this.#layouts.get(formatReference(reference));
    if (layout === undefined) return undefined;
    const { readLayout } = await import('../images/index.ts');
    const { path, name } = layout;
    return readLayout(this.#context.layers, path, { platform, signal, ...(name !== undefined && { name }) });
  }

  async main(fetching: Fetching): Promise<MainContext> {
    const { context } = this.#request;
    if (context.kind === 'directory') return this.#directory(context.path, fetching);
    if (context.kind === 'address') {
      const loaded = await this.address(context.address, fetching);
      return this.#loaded(loaded, shownAddress(context.address), fetching);
    }
    const { head, stream } = await peek(context.bytes);
    if (isArchive(head)) return this.#loaded(await this.#archive(stream, fetching), undefined, fetching);
    if (this.#request.dockerfile !== undefined)
      throw new ShaleError('CONTEXT_UNSUPPORTED', 'standard input is a Dockerfile, and -f names another one');
    const bytes = await collect(stream, DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input');
    const dockerfile = { bytes, name: 'Dockerfile', path: undefined };
    return {
      main: { kind: 'empty' },
      title: undefined,
      dockerfile,
      madeAt: () => undefined,
      revision: () => undefined,
    };
  }

  async #directory(path: string, fetching: Fetching): Promise<MainContext> {
    requireDirectory(path);
    const main: ContextPlace = { kind: 'directory', path };
    const elsewhere = await this.#dockerfileElsewhere(fetching);
    const dockerfile = elsewhere ?? this.#dockerfileOnDisk(path);
    return { main, title: path, dockerfile, madeAt: () => undefined, revision: () => readRevision(path) };
  }

  async #loaded(loaded: Loaded, title: string | undefined, fetching: Fetching): Promise<MainContext> {
    const { result, madeAt } = loaded;
    const main: ContextPlace = { kind: 'stored', load: () => Promise.resolve(result) };
    const elsewhere = await this.#dockerfileElsewhere(fetching);
    const dockerfile = elsewhere ?? (await this.#dockerfileWithin(loaded, title));
    return { main, title, dockerfile, madeAt, revision: () => revisionOf(result) };
  }

  /** A Dockerfile that is neither in the context nor beside it. */
  async #dockerfileElsewhere(fetching: Fetching): Promise<BuildInput['dockerfile'] | undefined> {
    const { dockerfile } = this.#request;
    if (dockerfile?.kind === 'stream') {
      const bytes = await collect(dockerfile.bytes, DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input');
      return { bytes, name: 'Dockerfile', path: undefined };
    }
    if (dockerfile?.kind !== 'address') return undefined;
    const { digest } = await this.#sources.url(dockerfile.address, undefined, fetching);
    return { bytes: await this.#dockerfileBlob(digest), name: 'Dockerfile', path: undefined };
  }

  async #dockerfileBlob(digest: Digest): Promise<Uint8Array> {
    const content = this.#context.store.blobs.stream(digest);
    return collect(content, DOCKERFILE_MAX_BYTES, 'the Dockerfile');
  }

  #dockerfileOnDisk(within: string): BuildInput['dockerfile'] {
    const { dockerfile } = this.#request;
    const names = dockerfile?.kind === 'file' ? [dockerfile.path] : DOCKERFILE_NAMES.map((name) => join(within, name));
    for (const path of names) {
      const bytes = readLocalFile({ path, what: 'the Dockerfile', maxBytes: DOCKERFILE_MAX_BYTES, within });
      if (bytes !== undefined) return { bytes, name: basename(path), path };
    }
    throw noDockerfile(names[0] ?? '');
  }

  async #dockerfileWithin({ root, loneFile }: Loaded, title: string | undefined): Promise<BuildInput['dockerfile']> {
    const { dockerfile } = this.#request;
    if (dockerfile?.kind === 'file') {
      const bytes = readLocalFile({
        ...dockerfile,
        what: 'the Dockerfile',
        maxBytes: DOCKERFILE_MAX_BYTES,
        within: undefined,
      });
      if (bytes !== undefined) return { bytes, name: basename(dockerfile.path), path: undefined };
      throw noDockerfile(dockerfile.path);
    }
    if (loneFile !== undefined && dockerfile === undefined)
      return { bytes: await this.#dockerfileBlob(loneFile), name: 'Dockerfile', path: undefined };
    const names = dockerfile?.kind === 'within' ? [dockerfile.path] : DOCKERFILE_NAMES;
    for (const name of names) {
      const bytes = readTreeFile(root, fromText(name), DOCKERFILE_MAX_BYTES);
      if (bytes !== undefined) return { bytes, name: basename(name), path: undefined };
    }
    const where = `in ${title ?? 'the archive on standard input'}`;
    throw noDockerfile(dockerfile === undefined ? where : `${names[0]} ${where}`);
  }

  async address(address: string, fetching: Fetching): Promise<Loaded> {
    if (isGitAddress(address)) return this.#git(address, fetching);
    if (!/^https?:\/\//i.test(address))
      throw new ShaleError('CONTEXT_NOT_FOUND', `${address} is no address that a context can be fetched from`);
    const { digest, path, sizeBytes, lastModified } = await this.#sources.url(address, undefined, fetching);
    if (isArchive(readHead(path))) {
      const archive = await this.#fetchedArchive(digest, fetching);
      return { ...archive, madeAt: () => lastModified ?? archive.madeAt() };
    }
    const file = { path, sizeBytes, sha256: Buffer.from(hexOf(digest), 'hex') };
    const about = { url: shownUrl(address), digest };
    const tree = { kind: 'file', name: LONE_FILE, file } as const;
    return {
      result: { kind: 'fetched', tree, mtimeNs: undefined, about },
      root: undefined,
      loneFile: digest,
      madeAt: () => lastModified,
    };
  }

  async #git(address: string, { signal }: Fetching): Promise<Loaded> {
    const { buildArgs } = this.#request;
    const { env } = this.#context.options;
    const keeps = /^(?:1|t|true)$/i.test(buildArgs['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] ?? '');
    const parsed = parseGitReference(address);
    const reference = keeps ? { ...parsed, keepGitDir: true } : parsed;
    // The user names the context, and a Dockerfile what ADD fetches: only the former may use the user's own keys unasked.
    const isGiven = this.#request.ssh?.some(({ id }) => id === 'default') === true;
    const ssh = isGiven ? {} : { ssh: { kind: 'own', socket: env['SSH_AUTH_SOCK'] } as const };
    const tree = await this.#sources.git(reference, { signal, ...ssh });
    return {
      result: gitResult(reference, tree),
      root: await this.#root([tree.layer]),
      loneFile: undefined,
      madeAt: () => tree.commitTime,
    };
  }

  /** An archive of a URL, which is unpacked once. */
  async #fetchedArchive(digest: Digest, fetching: Fetching): Promise<Loaded> {
    const { cacheRecords, blobs } = this.#context.store;
    const key = framedHash('shale archive context 1', digest);
    const known = (await cacheRecords.find(key))?.result;
    const layer = isJsonObject(known) && isDigest(known['layer']) ? parseDiffId(known['layer']) : undefined;
    if (layer !== undefined && (await this.#context.layers.isAvailable(layer))) return this.#ofLayer(layer);
    const made = await this.#ingest(blobs.stream(digest), fetching);
    const record = { keys: [key], slot: `archive ${key}`, result: { layer: made }, diffIds: [made], trusted: true };
    await cacheRecords.put(record, { replace: true });
    return this.#ofLayer(made);
  }

  async #archive(stream: ByteStream, fetching: Fetching): Promise<Loaded> {
    return this.#ofLayer(await this.#ingest(stream, fetching));
  }

  async #ingest(stream: ByteStream, { signal }: Fetching): Promise<DiffId> {
    const what = 'the archive of the build context';
    const unpacked = await decompress(stream, { maxBytes: UNPACKED_BYTES_MAX, what, signal });
    return (await this.#context.layers.ingest(limitBytes(unpacked.stream, UNPACKED_BYTES_MAX, what), { signal }))
      .diffId;
  }

  async #ofLayer(layer: DiffId): Promise<Loaded> {
    const root = await this.#root([layer]);
    return {
      result: { kind: 'rootfs', stack: [layer], layer: undefined },
      root,
      loneFile: undefined,
      madeAt: () => newestFile(root),
    };
  }

  async #root(stack: readonly DiffId[]): Promise<SourceNode> {
    return openStackTree(await this.#context.layers.stack(stack));
  }
}

/** A repository that is a context says what it is the commit of. */
function revisionOf(result: StoredContext): Revision | undefined {
  const commit = result.kind === 'fetched' ? result.about['commit'] : undefined;
  return typeof commit === 'string' ? { commit } : undefined;
}

/** An address as people wrote it, without what may be secret. */
function shownAddress(address: string): string {
  if (!isGitAddress(address)) return shownUrl(address);
  const { shown, ref, subdir } = parseGitReference(address);
  return `${shown}${ref === '' && subdir === '' ? '' : `#${ref}`}${subdir === '' ? '' : `:${subdir}`}`;
}

/** A name that no registry has, for an image that is not in one. */
function privateReference(kind: 'oci-layout' | 'bake-target', name: string, number: number): string {
  const shown = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return formatReference(parseReference(`${kind}.local/${number}/${shown === '' ? 'context' : shown}`));
}

/** Seconds since 1970 of the newest regular file. */
function newestFile(root: SourceNode): number | undefined {
  let newest: bigint | undefined;
  const open: SourceNode[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.kind === 'file' && (newest === undefined || node.mtimeNs > newest)) newest = node.mtimeNs;
    if (node.kind === 'directory') for (const [, child] of node.children()) open.push(child);
  }
  return newest === undefined ? undefined : Math.max(0, Number(newest / 1_000_000_000n));
}

/** Looks at the beginning of a stream, which can still be read whole. */
async function peek(stream: ByteStream): Promise<{ readonly head: Buffer; readonly stream: ByteStream }> {
  const iterator = stream[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let got = 0;
  let ended = false;
  while (got < PROBE_BYTES && !ended) {
    const next = await iterator.next();
    ended = next.done === true;
    if (next.done === true) break;
    seen.push(next.value);
    got += next.value.byteLength;
  }
  const head = Buffer.concat(seen);
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield head;
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { head, stream: whole() };
}

function isArchive(head: Uint8Array): boolean {
  return isTar(head) || sniffCompression(head) !== 'none';
}

function readHead(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(PROBE_BYTES);
    return head.subarray(0, readSync(fd, head, 0, PROBE_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}

function requireDirectory(path: string): void {
  if (isDirectory(path)) return;
  throw new ShaleError('CONTEXT_NOT_FOUND', `the build context ${path} is not a directory`, { data: { path } });
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(`${path}/.`).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

function noDockerfile(path: string): ShaleError {
  return new ShaleError('DOCKERFILE_NOT_FOUND', `there is no Dockerfile ${path}`, {
    data: { path },
    hint: 'name it with -f FILE',
  });
}
