import { JsonReader, parseJson, ShaleError } from '../base/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Signer, Verifier } from './keys.ts';
import { IN_TOTO_TYPE, parseStatement, STATEMENT_MAX_BYTES, type Statement } from './statement.ts';

/** A sigstore bundle, version 0.3 (github.com/sigstore/protobuf-specs, "sigstore_bundle.proto"). */
export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** What cosign 3 signs an image with: a statement that says nothing more. */
export const SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';

/** Bytes that a bundle may have: its statement in base64, and what stands around it. */
export const BUNDLE_MAX_BYTES: number = 2 * STATEMENT_MAX_BYTES;
const SIGNATURES_MAX = 32;

/** How cosign annotates the artifact that holds a bundle. */
export function bundleAnnotations(predicateType: string): Readonly<Record<string, string>> {
  return {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': predicateType,
  };
}

/** A statement, signed: DSSE in a bundle that names the key. With Ed25519 and RSA the same bytes for the same statement. */
export function signedBundle(statement: Buffer, signer: Signer): Buffer {
  const signature = signer.sign(preAuthentication(IN_TOTO_TYPE, statement));
  return Buffer.from(
    JSON.stringify({
      mediaType: BUNDLE_TYPE,
      verificationMaterial: { publicKey: { hint: signer.publicKey.hint } },
      dsseEnvelope: {
        payload: statement.toString('base64'),
        payloadType: IN_TOTO_TYPE,
        signatures: [{ sig: signature.toString('base64') }],
      },
    }),
  );
}

/** What a bundle holds. Nothing of it counts before `verifyBundle`. */
interface Envelope {
  readonly payload: Buffer;
  readonly signatures: readonly Buffer[];
}

/**
 * The statement of a bundle that the key has signed and that is about the digest.
 * @throws SIGNATURE_INVALID that says what is wrong
 */
export function verifyBundle(bundle: Uint8Array, verifier: Verifier, digest: Digest): Statement {
  const { payload, signatures } = envelopeIn(bundle);
  const signed = preAuthentication(IN_TOTO_TYPE, payload);
  if (!signatures.some((signature) => verifier.verify(signed, signature)))
    throw new ShaleError('SIGNATURE_INVALID', 'it is not signed with this key, or was changed since');
  const statement = parseStatement(payload);
  if (!statement.subjects.includes(digest))
    throw new ShaleError(
      'SIGNATURE_INVALID',
      `it is about ${statement.subjects.join(', ') || 'nothing'}, not ${digest}`,
    );
  return statement;
}

/** The statement of a bundle that nobody has verified, for showing. @throws BUNDLE_INVALID, STATEMENT_INVALID */
export function unverifiedStatement(bundle: Uint8Array): Statement {
  return parseStatement(envelopeIn(bundle).payload);
}

/** @throws BUNDLE_INVALID for one of another version, or one that signs something else than a statement */
function envelopeIn(bundle: Uint8Array): Envelope {
  const what = 'the bundle';
  const fields = new JsonReader(parseJson(bundle, what), what, 'BUNDLE_INVALID');
  if (fields.string('mediaType') !== BUNDLE_TYPE)
    throw new ShaleError('BUNDLE_INVALID', `the bundle is not of the type ${BUNDLE_TYPE}`);
  const envelope = fields.object('dsseEnvelope');
  if (envelope === undefined) throw new ShaleError('BUNDLE_INVALID', 'the bundle holds no DSSE envelope');
  if (envelope.string('payloadType') !== IN_TOTO_TYPE)
    throw new ShaleError('BUNDLE_INVALID', 'the bundle signs something else than an in-toto statement');
  const payload = Buffer.from(envelope.required('payload', envelope.string('payload')), 'base64');
  const signatures = (envelope.objects('signatures') ?? []).slice(0, SIGNATURES_MAX);
  return {
    payload,
    signatures: signatures.map((one) => Buffer.from(one.required('sig', one.string('sig')), 'base64')),
  };
}

/** DSSE v1, "PAE": what is signed is the type and the bytes, each with its length. */
function preAuthentication(type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
}
