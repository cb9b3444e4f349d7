/** Name queries (RFC 1035), as far as a step asks for addresses. */

const HEADER_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const NAME_CHARACTERS_MAX = 253;
const TYPE_A = 1;
const CLASS_IN = 1;
const NAME_ERROR = 3;
/** Seconds. */
const TTL = 60;
/** The answer's name is the question's, which begins behind the header. */
const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

export interface NameQuery {
  /** In lower case, without a dot at the end. */
  readonly name: string;
  readonly type: number;
  /** The bytes of the question as they came. */
  readonly question: Buffer;
  readonly id: number;
}

/** Undefined for what is no query with one question. */
export function parseNameQuery(message: Buffer): NameQuery | undefined {
  const isQuery = message.length > HEADER_BYTES && (message.readUInt16BE(2) & 0xf800) === 0;
  if (!isQuery || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length) return undefined;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  const end = at + 4;
  const name = labels.join('.').toLowerCase();
  if (end > message.length || name.length > NAME_CHARACTERS_MAX) return undefined;
  return {
    name,
    type: message.readUInt16BE(at),
    question: message.subarray(HEADER_BYTES, end),
    id: message.readUInt16BE(0),
  };
}

export function asksForAddress({ type, question }: NameQuery): boolean {
  return type === TYPE_A && question.readUInt16BE(question.length - 2) === CLASS_IN;
}

/** An answer with one IPv4 address, with none, or that there is no such name. */
export function formatNameAnswer(
  query: NameQuery,
  found: { readonly address: string } | 'nothing' | 'no-name',
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  // A response, recursion wanted and available.
  header.writeUInt16BE(0x8180 | (found === 'no-name' ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  if (typeof found === 'string') return Buffer.concat([header, query.question]);
  header.writeUInt16BE(1, 6);
  const record = Buffer.alloc(16);
  record.writeUInt16BE(POINTER_TO_QUESTION, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(TTL, 6);
  record.writeUInt16BE(4, 10);
  record.set(found.address.split('.').map(Number), 12);
  return Buffer.concat([header, query.question, record]);
}
