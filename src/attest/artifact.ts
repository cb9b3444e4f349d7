import { digestOf, formatManifest, MEDIA, type Descriptor } from '../oci/index.ts';
import type { Predicate } from './predicate.ts';
import { formatStatement, IN_TOTO_TYPE } from './statement.ts';

/** How BuildKit and registries' tools name the type of a predicate where they list attestations. */
export const PREDICATE_TYPE_ANNOTATION = 'in-toto.io/predicate-type';

const EMPTY_CONFIG: Buffer = Buffer.from('{}');

/** Bytes with the descriptor that leads to them. */
export interface Described {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A document about a manifest, as registries keep it: a manifest of its own that says what it is about. */
export interface Artifact {
  readonly manifest: Described;
  readonly blobs: readonly Described[];
}

/** An attestation about a manifest: the statement, and the artifact that holds it. */
export function attestationArtifact(subject: Descriptor, predicate: Predicate): Artifact {
  const annotations = { [PREDICATE_TYPE_ANNOTATION]: predicate.type };
  const statement = described(formatStatement(subject.digest, predicate), IN_TOTO_TYPE, annotations);
  return artifactOf(subject, { artifactType: IN_TOTO_TYPE, content: statement, annotations });
}

/** How BuildKit marks the attestations that it lists in an index beside their images. */
export const BESIDE_TYPE_ANNOTATION = 'vnd.docker.reference.type';
export const BESIDE_DIGEST_ANNOTATION = 'vnd.docker.reference.digest';
export const BESIDE_TYPE = 'attestation-manifest';
/** For no machine that there is: who looks for an image passes over it. */
const NO_PLATFORM = { os: 'unknown', architecture: 'unknown' } as const;

/**
 * All attestations about a manifest as BuildKit makes them for an index: the manifest of an image for no platform, whose
 * layers are the statements (BuildKit, docs/attestations/attestation-storage.md). Its descriptor says what it is about.
 */
export function attestationManifest(subject: Descriptor, predicates: readonly Predicate[]): Artifact {
  const statements = predicates.map((predicate) =>
    described(formatStatement(subject.digest, predicate), IN_TOTO_TYPE, {
      [PREDICATE_TYPE_ANNOTATION]: predicate.type,
    }),
  );
  const { os, architecture } = NO_PLATFORM;
  const rootfs = { type: 'layers', diff_ids: statements.map(({ descriptor }) => descriptor.digest) };
  const config = described(Buffer.from(JSON.stringify({ architecture, os, config: {}, rootfs })), MEDIA.ociConfig);
  const layers = statements.map(({ descriptor }) => descriptor);
  const mediaType = MEDIA.ociManifest;
  const bytes = formatManifest({ kind: 'manifest', manifest: { mediaType, config: config.descriptor, layers } });
  const manifest = described(bytes, mediaType, {
    [BESIDE_DIGEST_ANNOTATION]: subject.digest,
    [BESIDE_TYPE_ANNOTATION]: BESIDE_TYPE,
  });
  return {
    manifest: { ...manifest, descriptor: { ...manifest.descriptor, platform: NO_PLATFORM } },
    blobs: [config, ...statements],
  };
}

/**
 * An artifact with one blob that refers to a manifest (image-spec manifest.md, "Guidelines for Artifact Usage"): empty
 * config, a type of its own, and a subject.
 */
export function artifactOf(
  subject: Descriptor,
  {
    artifactType,
    content,
    annotations,
  }: {
    readonly artifactType: string;
    readonly content: Described;
    readonly annotations: Readonly<Record<string, string>>;
  },
): Artifact {
  const config = described(EMPTY_CONFIG, MEDIA.ociEmpty);
  const { mediaType, digest, size } = subject;
  const bytes = formatManifest({
    kind: 'manifest',
    manifest: {
      mediaType: MEDIA.ociManifest,
      artifactType,
      config: config.descriptor,
      layers: [content.descriptor],
      subject: { mediaType, digest, size },
      annotations,
    },
  });
  const manifest = described(bytes, MEDIA.ociManifest, annotations);
  return { manifest: { ...manifest, descriptor: { ...manifest.descriptor, artifactType } }, blobs: [config, content] };
}

export function described(bytes: Buffer, mediaType: string, annotations?: Readonly<Record<string, string>>): Described {
  return {
    bytes,
    descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length, ...(annotations && { annotations }) },
  };
}
