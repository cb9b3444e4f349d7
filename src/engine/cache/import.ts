import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, tapSha256, type ByteStream } from '../../base/index.ts';
import { blobName, ImageArchive, LayoutFolder, spoolArchive, unpackLayer } from '../../images/index.ts';
import type { IndexNode } from '../../erofs/index.ts';
import { mountLayerOf, unpackStored } from '../../mounts/index.ts';
import {
  MANIFEST_MAX_BYTES,
  parseDiffId,
  parseManifest,
  parseReference,
  type Descriptor,
  type ImageIndex,
} from '../../oci/index.ts';
import type { CacheMountRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { makeWorkFolder } from '../work-folders.ts';
import {
  ARTIFACT_TYPE,
  CONFIG_BYTES_MAX,
  DIFF_ID,
  invalid,
  parseMountConfig,
  type ArtifactSource,
  type MountConfig,
} from './artifact.ts';
import { mountEntry } from './entries.ts';
import { registryArtifacts } from './registry.ts';
import type { CacheEntry, MountImport, MountImportSource } from './types.ts';

/** Cache mounts that one archive may hold. */
const MOUNTS_MAX = 1000;

/** `shale cache import`: every mount is verified and unpacked whole before it takes its place. */
export async function importMounts(
  context: EngineContext,
  from: MountImportSource,
  { maxBytes = Infinity }: { readonly maxBytes?: number },
  watch: Watch,
): Promise<MountImport> {
  if (from.kind === 'folder') return importFrom(context, new LayoutFolder(from.path), maxBytes, watch);
  if (from.kind === 'registry') {
    const source = registryArtifacts(parseReference(from.name), context.registry(watch.signal));
    return await importFrom(context, source, maxBytes, watch);
  }
  await using spool = await spoolArchive(context.store, from.bytes, watch.signal);
  using archive = ImageArchive.open(spool.path);
  return await importFrom(context, archiveSource(archive), maxBytes, watch);
}

async function importFrom(
  context: EngineContext,
  source: ArtifactSource,
  maxBytes: number,
  watch: Watch,
): Promise<MountImport> {
  const index = await source.index();
  if (index === undefined) throw invalid('there is no index.json', 'shale cache export writes one');
  if (index.manifests.length > MOUNTS_MAX) throw invalid(`there are more than ${MOUNTS_MAX} of them`);
  const imported: CacheEntry[] = [];
  const skipped: { name: string; why: string }[] = [];
  let total = 0;
  for (const descriptor of index.manifests) {
    watch.signal.throwIfAborted();
    const artifact = await readArtifact(source, descriptor);
    if (artifact === undefined) continue;
    const { config } = artifact;
    if (total + config.sizeBytes > maxBytes) {
      skipped.push({ name: config.name, why: `its ${config.sizeBytes} bytes do not fit` });
      continue;
    }
    try {
      imported.push(mountEntry(await takeIn(context, source, artifact, watch.signal)));
      total += config.sizeBytes;
    } catch (error) {
      if (!isShaleError(error, 'CACHE_MOUNT_IN_USE')) throw error;
      skipped.push({ name: config.name, why: error.message });
    }
  }
  return { imported, skipped };
}

interface Artifact {
  readonly config: MountConfig;
  readonly layer: Descriptor;
}

/** Undefined for what is no cache mount. @throws CACHE_ARCHIVE_INVALID, MANIFEST_INVALID, DIGEST_MISMATCH */
async function readArtifact(source: ArtifactSource, descriptor: Descriptor): Promise<Artifact | undefined> {
  const document = parseManifest(await source.read(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
  if (document.kind !== 'manifest' || document.manifest.artifactType !== ARTIFACT_TYPE) return undefined;
  const { config, layers } = document.manifest;
  const [layer] = layers;
  if (layer === undefined || layers.length !== 1) throw invalid(`it has ${layers.length} layers`);
  return { config: parseMountConfig(await source.read(config, CONFIG_BYTES_MAX)), layer };
}

async function takeIn(
  context: EngineContext,
  source: ArtifactSource,
  { config, layer }: Artifact,
  signal: AbortSignal,
): Promise<CacheMountRecord> {
  const { layers, store } = context;
  const named = layer.annotations?.[DIFF_ID];
  const what = `the cache mount ${config.name}`;
  const expected = named === undefined ? undefined : parseDiffId(named);
  const { diffId } = await unpackLayer(layers, source.stream(layer), { diffId: expected, what, signal });
  const opened = await layers.open(diffId);
  refuseWhiteouts(opened.index.root);
  await using work = await makeWorkFolder(store);
  const directory = join(work.path, 'mount');
  try {
    unpackStored(mountLayerOf(opened), { directory });
    return await store.cacheMounts.adopt(config, directory, config.lastUsedAt);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** In a layer they mean that something is deleted; a directory has nothing to say so of. */
function refuseWhiteouts(node: IndexNode): void {
  for (const [, child] of node.children()) {
    if (child.kind === 'whiteout') throw invalid('it holds names that begin with .wh.');
    if (child.kind === 'directory') refuseWhiteouts(child);
  }
}

/** The members of an archive as blobs. */
function archiveSource(archive: ImageArchive): ArtifactSource {
  async function* stream({ digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
    let got = '';
    let bytes = 0;
    const members: ByteStream = archive.stream(blobName(digest));
    yield* tapSha256(members, (hex, sizeBytes) => {
      got = `sha256:${hex}`;
      bytes = sizeBytes;
    });
    if (got !== digest || bytes !== size) throw invalid(`the blob ${digest} is not what its name says`);
  }
  return {
    async index(): Promise<ImageIndex | undefined> {
      if (!archive.has('index.json')) return undefined;
      const document = parseManifest(archive.read('index.json', MANIFEST_MAX_BYTES));
      if (document.kind !== 'index') throw invalid('index.json is not an image index');
      return document.index;
    },
    async read(descriptor, maxBytes) {
      const bytes = archive.read(blobName(descriptor.digest), maxBytes);
      for await (const _ of stream(descriptor)) {
        // Verified; small enough to be read twice.
      }
      return bytes;
    },
    stream,
  };
}
