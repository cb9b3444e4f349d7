import {
  BUNDLE_MAX_BYTES,
  BUNDLE_TYPE,
  PAYLOAD_MAX_BYTES,
  readPublicKey,
  SIGN_PREDICATE,
  SIGNATURE_ANNOTATION,
  signatureTag,
  SIMPLE_SIGNING_TYPE,
  verifyBundle,
  verifySimple,
  type Statement,
  type Verifier,
} from '../../attest/index.ts';
import { collect, isShaleError, ShaleError } from '../../base/index.ts';
import { layersOf, registrySource, type ImageSource } from '../../images/index.ts';
import { MEDIA, type Descriptor, type Digest } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../watch.ts';
import { signaturesAt } from './sign.ts';
import { findInRegistry, type SignedPlace } from './signing-place.ts';
import type { VerifiedImage, VerifiedSignature, VerifyRequest } from './types.ts';

/** Signatures of one image that are looked at. */
const SIGNATURES_MAX = 200;

/** What is wrong with what somebody else has put there: it makes one signature worth nothing, and ends nothing. */
const WORTHLESS: readonly string[] = [
  'SIGNATURE_INVALID',
  'BUNDLE_INVALID',
  'STATEMENT_INVALID',
  'JSON_INVALID',
  'MANIFEST_INVALID',
  'DIGEST_INVALID',
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  'LIMIT_EXCEEDED',
  'BLOB_UNKNOWN',
  'MANIFEST_UNKNOWN',
];

interface Checking {
  readonly source: ImageSource;
  readonly verifier: Verifier;
  readonly digest: Digest;
  /** Why signatures that are there do not count. */
  readonly failures: string[];
}

/**
 * `shale verify-signature` and `shale verify-attestation`: succeeds when the key has signed that very manifest, as cosign 3
 * signs (a bundle that refers to it) or, for signatures, as cosign 1 and 2 do (a tag).
 * @throws SIGNATURE_NOT_FOUND, SIGNATURE_INVALID, KEY_…, MANIFEST_UNKNOWN
 */
export async function verifyImage(
  context: EngineContext,
  request: VerifyRequest,
  watch: Watch,
): Promise<VerifiedImage> {
  const verifier = readPublicKey(request.publicKey);
  const place = await findInRegistry(context, request.image, watch);
  const { digest } = place.manifest;
  const name = `${place.repository}@${digest}`;
  await using source = registrySource({ ...place.reference, tag: undefined, digest }, context.registry(watch.signal));
  const checking: Checking = { source, verifier, digest, failures: [] };
  const predicateType = request.predicateType ?? SIGN_PREDICATE;
  const signatures = await bundles(checking, predicateType);
  if (request.predicateType === undefined)
    signatures.push(...(await simpleSignatures(context, place, checking, watch)));
  if (signatures.length > 0) return { name, digest, signatures };
  const what = request.predicateType === undefined ? 'signature' : `attestation of the type ${predicateType}`;
  const { failures } = checking;
  if (failures.length === 0)
    throw new ShaleError('SIGNATURE_NOT_FOUND', `${name} has no ${what}`, { data: { name: request.image, digest } });
  const reasons = [...new Set(failures)].slice(0, 5).join('; ');
  throw new ShaleError('SIGNATURE_INVALID', `no ${what} of ${name} is valid with this key: ${reasons}`, {
    data: { name: request.image, digest },
    ...(verifier.kind === 'ed25519' && {
      hint: 'what cosign signs with Ed25519 is hashed before (Ed25519ph), and not taken',
    }),
  });
}

async function bundles(checking: Checking, predicateType: string): Promise<VerifiedSignature[]> {
  const { source, verifier, digest } = checking;
  const referrers = ((await source.referrers?.(digest)) ?? []).filter(mayHoldBundle).slice(0, SIGNATURES_MAX);
  const found: VerifiedSignature[] = [];
  for (const artifact of referrers) {
    const statement = await checked(checking, async (): Promise<Statement | undefined> => {
      const layer = (await layersOf(source, artifact)).find(({ mediaType }) => mediaType === BUNDLE_TYPE);
      if (layer === undefined) return undefined;
      return verifyBundle(await collect(source.blob(layer), BUNDLE_MAX_BYTES, 'the bundle'), verifier, digest);
    });
    if (statement?.predicateType !== predicateType) continue;
    found.push({ kind: 'bundle', artifact: artifact.digest, predicateType, predicate: statement.predicate });
  }
  return found;
}

/** Where a registry lists no referrers, cosign keeps the list itself, and gives the type of the config there. */
function mayHoldBundle({ artifactType }: Descriptor): boolean {
  return artifactType === undefined || artifactType === BUNDLE_TYPE || artifactType === MEDIA.ociEmpty;
}

async function simpleSignatures(
  context: EngineContext,
  { reference }: SignedPlace,
  checking: Checking,
  watch: Watch,
): Promise<VerifiedSignature[]> {
  const { source, verifier, digest } = checking;
  const layers = await checked(checking, () => signaturesAt(context, reference, signatureTag(digest), watch));
  const found: VerifiedSignature[] = [];
  for (const layer of (layers ?? []).slice(0, SIGNATURES_MAX)) {
    if (layer.mediaType !== SIMPLE_SIGNING_TYPE) continue;
    const isValid = await checked(checking, async () => {
      const payload = await collect(source.blob(layer), PAYLOAD_MAX_BYTES, 'the signed payload');
      verifySimple(payload, layer.annotations?.[SIGNATURE_ANNOTATION], { verifier, digest });
      return true;
    });
    if (isValid === true) found.push({ kind: 'simple', artifact: layer.digest });
  }
  return found;
}

/** What a check gives; undefined, with the reason taken down, when what it looked at is worth nothing. */
async function checked<T>({ failures }: Checking, check: () => Promise<T>): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    if (!isShaleError(error, ...WORTHLESS)) throw error;
    failures.push(error.message);
    return undefined;
  }
}
