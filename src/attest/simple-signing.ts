import { JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { hexOf, type Digest } from '../oci/index.ts';
import type { Verifier } from './keys.ts';

/** Of payloads that cosign 1 and 2 sign (github.com/containers/image, "atomic-signature-embedded-json.json"). */
export const SIMPLE_SIGNING_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
/** Of the layer with the payload: its signature, in base64. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
const CLAIM_TYPE = 'cosign container image signature';

/** Bytes that a payload may have. */
export const PAYLOAD_MAX_BYTES: number = 1024 * 1024;

/** The tag that leads to the signatures of a manifest. */
export function signatureTag(digest: Digest): string {
  return `sha256-${hexOf(digest)}.sig`;
}

/** What is signed about a manifest, under the name of its repository: `registry.example/team/app`. */
export function simplePayload(repository: string, digest: Digest): Buffer {
  return Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': repository },
        image: { 'docker-manifest-digest': digest },
        type: CLAIM_TYPE,
      },
      optional: null,
    }),
  );
}

/** Checks that the key has signed the payload and that it is about the digest. @throws SIGNATURE_INVALID that says what is wrong */
export function verifySimple(
  payload: Uint8Array,
  signature: string | undefined,
  { verifier, digest }: { readonly verifier: Verifier; readonly digest: Digest },
): void {
  if (signature === undefined) throw invalid('its payload has no signature');
  if (!verifier.verify(payload, Buffer.from(signature, 'base64')))
    throw invalid('it is not signed with this key, or was changed since');
  const what = 'the signed payload';
  const fields = new JsonReader(parseJson(payload, what), what, 'SIGNATURE_INVALID');
  const critical = fields.required('critical', fields.object('critical'));
  const type = critical.string('type');
  if (type !== CLAIM_TYPE) throw invalid(`it claims ${JSON.stringify(type ?? '')}, not a signature of an image`);
  const signed = critical.object('image')?.string('docker-manifest-digest');
  if (signed !== digest) throw invalid(`it is about ${signed ?? 'nothing'}, not ${digest}`);
}

function invalid(why: string): ShaleError {
  return new ShaleError('SIGNATURE_INVALID', why);
}
