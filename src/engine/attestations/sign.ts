import {
  artifactOf,
  BUNDLE_TYPE,
  bundleAnnotations,
  described,
  formatStatement,
  predicateOf,
  readPrivateKey,
  SIGN_PREDICATE,
  SIGNATURE_ANNOTATION,
  signatureTag,
  signedBundle,
  SIMPLE_SIGNING_TYPE,
  simplePayload,
  type Predicate,
  type Signer,
} from '../../attest/index.ts';
import { isShaleError, parseJson } from '../../base/index.ts';
import { formatManifest, MEDIA, parseManifest, type Descriptor, type ImageManifest } from '../../oci/index.ts';
import { openRepository } from '../../registry/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../watch.ts';
import { findInRegistry, pushArtifact, type SignedPlace } from './signing-place.ts';
import type { AttestRequest, SignedImage, SignRequest } from './types.ts';

/** `shale sign`. @throws KEY_…, MANIFEST_UNKNOWN, and what pushing throws */
export async function signImage(
  context: EngineContext,
  request: SignRequest,
  watch: Watch,
): Promise<readonly SignedImage[]> {
  const signer = readPrivateKey(request.key.pem, request.key.password);
  const place = await findInRegistry(context, request.image, watch);
  const wanted = request.recursive ? [place.manifest, ...place.inIndex] : [place.manifest];
  const signed: SignedImage[] = [];
  for (const manifest of wanted) {
    const here = { ...place, manifest };
    const artifact =
      request.form === 'bundle'
        ? await pushStatement(context, here, { predicate: predicateOf(SIGN_PREDICATE, {}), signer, watch })
        : await addSimpleSignature(context, here, signer, watch);
    signed.push({ name: `${place.repository}@${manifest.digest}`, artifact });
  }
  return signed;
}

/** `shale attest`. @throws KEY_…, JSON_INVALID, MANIFEST_UNKNOWN, and what pushing throws */
export async function attestImage(context: EngineContext, request: AttestRequest, watch: Watch): Promise<SignedImage> {
  const signer = readPrivateKey(request.key.pem, request.key.password);
  const predicate = predicateOf(request.predicateType, parseJson(request.predicate, 'the predicate'));
  const place = await findInRegistry(context, request.image, watch);
  const artifact = await pushStatement(context, place, { predicate, signer, watch });
  return { name: `${place.repository}@${place.manifest.digest}`, artifact };
}

/** A signed statement as a bundle that refers to the image. */
async function pushStatement(
  context: EngineContext,
  { reference, manifest }: SignedPlace,
  { predicate, signer, watch }: { readonly predicate: Predicate; readonly signer: Signer; readonly watch: Watch },
): Promise<string> {
  const bundle = signedBundle(formatStatement(manifest.digest, predicate), signer);
  const artifact = artifactOf(manifest, {
    artifactType: BUNDLE_TYPE,
    content: described(bundle, BUNDLE_TYPE),
    annotations: bundleAnnotations(predicate.type),
  });
  return await pushArtifact(context, reference, artifact, watch);
}

/** Adds a signature to those that the image's tag for them leads to, as cosign 1 and 2 do. */
async function addSimpleSignature(
  context: EngineContext,
  { reference, repository, manifest: { digest } }: SignedPlace,
  signer: Signer,
  watch: Watch,
): Promise<string> {
  const tag = signatureTag(digest);
  const payload = simplePayload(repository, digest);
  const annotations = { [SIGNATURE_ANNOTATION]: signer.sign(payload).toString('base64') };
  const content = described(payload, SIMPLE_SIGNING_TYPE, annotations);
  const layers = [...(await signaturesAt(context, reference, tag, watch)), content.descriptor];
  const config = described(signatureConfig(layers), MEDIA.ociConfig);
  const bytes = formatManifest({
    kind: 'manifest',
    manifest: { mediaType: MEDIA.ociManifest, config: config.descriptor, layers },
  });
  const artifact = { manifest: described(bytes, MEDIA.ociManifest), blobs: [config, content] };
  return await pushArtifact(context, reference, artifact, { ...watch, tag });
}

/** The layers that a tag of signatures leads to; none where there is no such tag. */
export async function signaturesAt(
  context: EngineContext,
  reference: SignedPlace['reference'],
  tag: string,
  { signal }: Watch,
): Promise<ImageManifest['layers']> {
  try {
    const { bytes, mediaType } = await openRepository(reference, context.registry(signal)).manifest(tag);
    const parsed = parseManifest(bytes, mediaType);
    return parsed.kind === 'manifest' ? parsed.manifest.layers : [];
  } catch (error) {
    if (isShaleError(error, 'MANIFEST_UNKNOWN')) return [];
    throw error;
  }
}

/** The config of an image that is none; cosign's has a layer for each signature. */
function signatureConfig(layers: readonly Descriptor[]): Buffer {
  const created = '0001-01-01T00:00:00Z';
  return Buffer.from(
    JSON.stringify({
      architecture: '',
      created,
      history: layers.map(() => ({ created })),
      os: '',
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      config: {},
    }),
  );
}
