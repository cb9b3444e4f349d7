import {
  BESIDE_DIGEST_ANNOTATION,
  BESIDE_TYPE,
  BESIDE_TYPE_ANNOTATION,
  BUNDLE_MAX_BYTES,
  BUNDLE_TYPE,
  IN_TOTO_TYPE,
  parseStatement,
  STATEMENT_MAX_BYTES,
  unverifiedStatement,
  type Statement,
} from '../attest/index.ts';
import { collect, isShaleError, type Json } from '../base/index.ts';
import {
  hostPlatform,
  isManifestType,
  parseManifest,
  type Descriptor,
  type Digest,
  type Platform,
} from '../oci/index.ts';
import { chooseEntry } from './choose.ts';
import type { ImageSource } from './content.ts';

/** Artifacts about one image that are looked at. */
const ARTIFACTS_MAX = 200;

/** What an artifact says about an image. Nobody has looked whether it is signed. */
export interface FoundAttestation {
  readonly predicateType: string;
  readonly predicate: Json;
  /** The manifest that holds it. */
  readonly artifact: Digest;
}

/** The manifest that a source's name means, with what says that it is about it. */
export interface AboutImage {
  readonly manifest: Descriptor;
  readonly artifacts: readonly Descriptor[];
}

/**
 * Finds what is about the image of one platform: artifacts that refer to its manifest, and those that BuildKit lists beside
 * it in an index. Of very many the first count. @throws PLATFORM_UNKNOWN
 */
export async function aboutImage(source: ImageSource, platform: Platform | undefined): Promise<AboutImage> {
  const top = await source.root();
  const parsed = parseManifest(top.bytes, top.mediaType);
  const entries = parsed.kind === 'index' ? parsed.index.manifests : [];
  const manifest =
    parsed.kind === 'index'
      ? chooseEntry(parsed.index, platform ?? hostPlatform())
      : { mediaType: parsed.manifest.mediaType, digest: top.digest, size: top.bytes.byteLength };
  const beside = entries.filter((entry) => besideOf(entry) === manifest.digest);
  const referrers = (await source.referrers?.(manifest.digest)) ?? [];
  return { manifest, artifacts: [...beside, ...referrers].slice(0, ARTIFACTS_MAX) };
}

/** The digest of the manifest that an entry of an index is an attestation about, as BuildKit lists it. */
export function besideOf({ annotations = {} }: Descriptor): string | undefined {
  return annotations[BESIDE_TYPE_ANNOTATION] === BESIDE_TYPE ? annotations[BESIDE_DIGEST_ANNOTATION] : undefined;
}

/** The statements about an image, bare or in bundles. Those about other images, and what is no statement, are passed over. */
export async function readAttestations(
  source: ImageSource,
  { manifest, artifacts }: AboutImage,
): Promise<FoundAttestation[]> {
  const found: FoundAttestation[] = [];
  for (const artifact of artifacts) {
    for (const layer of await layersOf(source, artifact)) {
      const statement = await statementIn(source, layer);
      if (statement?.subjects.includes(manifest.digest) !== true) continue;
      const { predicateType, predicate } = statement;
      found.push({ predicateType, predicate, artifact: artifact.digest });
    }
  }
  return found;
}

async function statementIn(source: ImageSource, layer: Descriptor): Promise<Statement | undefined> {
  const isBundle = layer.mediaType === BUNDLE_TYPE;
  if (!isBundle && layer.mediaType !== IN_TOTO_TYPE) return undefined;
  const maxBytes = isBundle ? BUNDLE_MAX_BYTES : STATEMENT_MAX_BYTES;
  const bytes = await collect(source.blob(layer), maxBytes, `the statement ${layer.digest}`);
  try {
    return isBundle ? unverifiedStatement(bytes) : parseStatement(bytes);
  } catch (error) {
    if (isShaleError(error, 'JSON_INVALID', 'STATEMENT_INVALID', 'BUNDLE_INVALID')) return undefined;
    throw error;
  }
}

/** What an artifact holds; nothing for what is no manifest. */
export async function layersOf(source: ImageSource, artifact: Descriptor): Promise<readonly Descriptor[]> {
  if (!isManifestType(artifact.mediaType)) return [];
  const { bytes } = await source.manifest(artifact);
  const parsed = parseManifest(bytes, artifact.mediaType);
  return parsed.kind === 'manifest' ? parsed.manifest.layers : [];
}
