import { ShaleError } from '../../base/index.ts';
import { dearmor } from './armor.ts';
import type { Keyring, SigningKey } from './keyring.ts';
import { parsePackets, TAG_SIGNATURE } from './packets.ts';
import { isUsable, parseSignature, SIGNATURE_BINARY, SIGNATURE_TEXT, verifyWith } from './signature.ts';

/** A text whose signature was found good. */
export interface VerifiedText {
  /** The signed bytes, one character per byte, dash escapes undone. Nothing that stood outside the signature. */
  readonly text: string;
  /** The keys that signed it; at least one. */
  readonly signers: readonly SigningKey[];
}

const HEADER = '-----BEGIN PGP SIGNED MESSAGE-----';
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const SIGNATURE_END = '-----END PGP SIGNATURE-----';
/** Seconds that a signature may lie in the future, for clocks that differ. */
const CLOCK_SKEW_S = 24 * 60 * 60;

/**
 * Verifies a text signed with the cleartext signature framework (RFC 9580 section 7), as InRelease files are. One good
 * signature by a key of the ring is enough, as for apt; signatures by unknown keys do not count.
 * @throws OPENPGP_MALFORMED, SIGNATURE_INVALID (what was found wrong with each signature is in `data.reasons`).
 */
export function verifyCleartext(bytes: Buffer, keyring: Keyring, now: Date, name: string): VerifiedText {
  const parts = splitCleartext(bytes.toString('latin1'), name);
  const data = Buffer.from(canonicalText(parts.lines), 'latin1');
  const signers: SigningKey[] = [];
  const reasons: string[] = [];
  for (const packet of parsePackets(dearmor(parts.signature, 'SIGNATURE'))) {
    if (packet.tag !== TAG_SIGNATURE) continue;
    const outcome = checkSignature(packet.body, data, keyring, now);
    if (outcome.kind === 'good') signers.push(outcome.key);
    else reasons.push(outcome.reason);
  }
  if (signers.length === 0) {
    throw new ShaleError(
      'SIGNATURE_INVALID',
      `${name} has no valid signature: ${reasons.join('; ') || 'it has none'}`,
      {
        data: { name, reasons },
        hint: 'the mirror or the connection changed the file, or it signs with a key that Debian does not have',
      },
    );
  }
  return { text: parts.lines.join('\n'), signers };
}

type Outcome = { readonly kind: 'good'; readonly key: SigningKey } | { readonly kind: 'bad'; readonly reason: string };

function checkSignature(body: Buffer, data: Buffer, keyring: Keyring, now: Date): Outcome {
  const signature = parseSignature(body);
  if (!isUsable(signature)) return bad(`${signature.unusable} is not supported`);
  const issuer = signature.issuerFingerprint ?? signature.issuerKeyId ?? 'unknown';
  if (signature.type !== SIGNATURE_TEXT && signature.type !== SIGNATURE_BINARY) {
    return bad(`a signature of type 0x${signature.type.toString(16)} by ${issuer} is not one over a text`);
  }
  const key = keyring.keys.find((each) => each.fingerprint.endsWith(issuer));
  if (key === undefined) return bad(`key ${issuer} is not in the keyring`);
  if (!verifyWith(key.material, signature, [data])) return bad(`the signature by ${issuer} does not fit the text`);
  const second = Math.floor(now.getTime() / 1000);
  if (key.revoked) return bad(`key ${issuer} was revoked`);
  if (signature.createdAt < key.createdAt) return bad(`the signature by ${issuer} is older than the key`);
  if (second >= key.expiresAt) return bad(`key ${issuer} expired ${dateOf(key.expiresAt)}`);
  if (signature.createdAt > second + CLOCK_SKEW_S) return bad(`the signature by ${issuer} is from the future`);
  if (signature.expiresAfter !== 0 && second >= signature.createdAt + signature.expiresAfter) {
    return bad(`the signature by ${issuer} expired ${dateOf(signature.createdAt + signature.expiresAfter)}`);
  }
  return { kind: 'good', key };
}

function bad(reason: string): Outcome {
  return { kind: 'bad', reason };
}

function dateOf(second: number): string {
  return new Date(second * 1000).toISOString().slice(0, 10);
}

interface CleartextParts {
  /** The signed lines, dash escapes undone, without line ends. */
  readonly lines: readonly string[];
  /** The armored signature. */
  readonly signature: string;
}

// Text before or after the signed part would look signed to a careless reader (CVE-2013-1051): it is refused.
function splitCleartext(text: string, name: string): CleartextParts {
  const lines = text.split('\n');
  const refuse = (why: string): ShaleError =>
    new ShaleError('SIGNATURE_INVALID', `${name} is not a signed text: ${why}`, { data: { name } });
  if (lines[0]?.trimEnd() !== HEADER) throw refuse('it does not start with a signature header');
  let at = 1;
  for (; lines[at] !== undefined && lines[at]?.trim() !== ''; at++) {
    if (!/^Hash: [A-Za-z0-9, -]+\r?$/.test(lines[at] ?? '')) throw refuse('an unknown header line');
  }
  const signatureAt = lines.findIndex((line, index) => index > at && line.trimEnd() === SIGNATURE);
  if (signatureAt < 0) throw refuse('no signature follows');
  const endAt = lines.findIndex((line, index) => index > signatureAt && line.trimEnd() === SIGNATURE_END);
  if (endAt < 0) throw refuse('the signature does not end');
  if (lines.slice(endAt + 1).some((line) => line.trim() !== '')) throw refuse('text follows the signature');
  const signed = lines.slice(at + 1, signatureAt).map((line) => {
    if (line.startsWith('- ')) return line.slice(2);
    if (line.startsWith('-')) throw refuse('a line with an unescaped dash');
    return line;
  });
  return { lines: signed, signature: lines.slice(signatureAt, endAt + 1).join('\n') };
}

// Section 7.2: CR LF between lines, none after the last; blanks at line ends do not count.
function canonicalText(lines: readonly string[]): string {
  return lines.map((line) => line.replace(/[ \t\r]+$/, '')).join('\r\n');
}
