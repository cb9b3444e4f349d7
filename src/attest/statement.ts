import { JsonReader, parseJson, type Json } from '../base/index.ts';
import { digestFromHex, hexOf, isDigest, type Digest } from '../oci/index.ts';
import type { Predicate } from './predicate.ts';

/** Of in-toto statements, as layers of artifacts and as DSSE payloads have it. */
export const IN_TOTO_TYPE = 'application/vnd.in-toto+json';
const STATEMENT_V1 = 'https://in-toto.io/Statement/v1';
const STATEMENT_V01 = 'https://in-toto.io/Statement/v0.1';

/** Bytes that a statement may have. */
export const STATEMENT_MAX_BYTES: number = 64 * 1024 * 1024;

export interface Statement {
  /** The sha256 digests of what it is about. */
  readonly subjects: readonly Digest[];
  readonly predicateType: string;
  readonly predicate: Json;
}

/**
 * An in-toto statement, version 1 (in-toto attestation spec, "Statement"), about a manifest. It gives no name: the same
 * image has many, and its digest says which one is meant.
 */
export function formatStatement(subject: Digest, { type, bytes }: Predicate): Buffer {
  const about = [{ digest: { sha256: hexOf(subject) } }];
  const head = JSON.stringify({ _type: STATEMENT_V1, subject: about, predicateType: type });
  return Buffer.concat([Buffer.from(`${head.slice(0, -1)},"predicate":`), bytes, Buffer.from('}')]);
}

/**
 * Reads a statement, also of version 0.1, which old tools write. Subjects without a sha256 are left out.
 * @throws STATEMENT_INVALID, JSON_INVALID
 */
export function parseStatement(bytes: Uint8Array): Statement {
  const what = 'the in-toto statement';
  const fields = new JsonReader(parseJson(bytes, what), what, 'STATEMENT_INVALID');
  const type = fields.string('_type');
  if (type !== STATEMENT_V1 && type !== STATEMENT_V01) fields.required('_type of in-toto', undefined);
  const subjects = (fields.objects('subject') ?? []).flatMap((subject) => {
    const text = `sha256:${subject.object('digest')?.string('sha256') ?? ''}`;
    return isDigest(text) ? [digestFromHex(hexOf(text))] : [];
  });
  return {
    subjects,
    predicateType: fields.required('predicateType', fields.string('predicateType')),
    predicate: fields.raw('predicate') ?? null,
  };
}
