import type { Artifact, Described } from '../../attest/index.ts';
import { streamOf } from '../../base/index.ts';
import { documentOf, registrySink, registrySource } from '../../images/index.ts';
import {
  familiarRepository,
  isIndexType,
  parseManifest,
  parseReference,
  type Descriptor,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../watch.ts';

/** An image of a registry that is signed or checked: what a name led to when it was asked. */
export interface SignedPlace {
  readonly reference: Reference;
  /** `registry.example/team/app`, as people write it. */
  readonly repository: string;
  readonly manifest: Descriptor;
  /** Of an index, the images in it. */
  readonly inIndex: readonly Descriptor[];
}

/** @throws REFERENCE_INVALID, MANIFEST_UNKNOWN, MANIFEST_INVALID */
export async function findInRegistry(context: EngineContext, image: string, { signal }: Watch): Promise<SignedPlace> {
  const reference = parseReference(image.replace(/^docker:\/\//, ''));
  await using source = registrySource(reference, context.registry(signal));
  const { bytes, digest, mediaType } = await source.root();
  const parsed = parseManifest(bytes, mediaType);
  const own = parsed.kind === 'index' ? parsed.index.mediaType : parsed.manifest.mediaType;
  return {
    reference,
    repository: familiarRepository(reference),
    manifest: { mediaType: own, digest, size: bytes.byteLength },
    inIndex: parsed.kind === 'index' ? parsed.index.manifests.filter((entry) => !isIndexType(entry.mediaType)) : [],
  };
}

/** Puts an artifact into a repository: its blobs, then its manifest, which a tag leads to where one is given. */
export async function pushArtifact(
  context: EngineContext,
  { registry, repository }: Reference,
  { manifest, blobs }: Artifact,
  { signal, tag }: Watch & { readonly tag?: string },
): Promise<Digest> {
  await using sink = registrySink({ registry, repository, tag, digest: undefined }, context.registry(signal));
  for (const blob of blobs) await sink.takeBlob(blob.descriptor, originOf(blob));
  const document = documentOf(manifest.bytes, manifest.descriptor.mediaType);
  await sink.takeManifest(document, { isRoot: tag !== undefined });
  return document.digest;
}

function originOf({ bytes }: Described): Parameters<ReturnType<typeof registrySink>['takeBlob']>[1] {
  return {
    open: (offset) => streamOf(bytes.subarray(offset)),
    mountFrom: async () => [],
    sent: () => {},
  };
}
