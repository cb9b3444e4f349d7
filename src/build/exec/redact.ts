/** What stands for a secret in a log. */
const MASK: Buffer = Buffer.from('****');
/** Shorter values would hide half of a log and protect nothing: they are guessed faster than found. */
const SECRET_BYTES_MIN = 6;

/**
 * Takes secrets out of a stream of bytes. What could be the beginning of one is held back until more has come, so a secret
 * that is cut in two by chunks is found too.
 */
export class Redactor {
  readonly #secrets: readonly Buffer[];
  #held: Buffer = Buffer.alloc(0);

  constructor(secrets: readonly Uint8Array[]) {
    this.#secrets = secrets.flatMap(hidden).toSorted((a, b) => b.length - a.length);
  }

  /** The part that can be shown now. */
  take(chunk: Uint8Array): Uint8Array {
    if (this.#secrets.length === 0) return chunk;
    const bytes = Buffer.concat([this.#held, chunk]);
    const shown: Buffer[] = [];
    let from = 0;
    for (let found = this.#first(bytes, from); found !== undefined; found = this.#first(bytes, from)) {
      shown.push(bytes.subarray(from, found.at), MASK);
      from = found.at + found.length;
    }
    const rest = bytes.subarray(from);
    const keep = Math.max(0, ...this.#secrets.map((secret) => beginningAtEnd(rest, secret)));
    this.#held = Buffer.from(rest.subarray(rest.length - keep));
    return Buffer.concat([...shown, rest.subarray(0, rest.length - keep)]);
  }

  /** What was held back, when nothing more will come. */
  end(): Uint8Array {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  #first(bytes: Buffer, from: number): { readonly at: number; readonly length: number } | undefined {
    let first: { at: number; length: number } | undefined;
    for (const secret of this.#secrets) {
      const at = bytes.indexOf(secret, from);
      if (at !== -1 && (first === undefined || at < first.at)) first = { at, length: secret.length };
    }
    return first;
  }
}

/** A secret as it may be printed: whole, and line by line, since programs indent keys and certificates. */
function hidden(secret: Uint8Array): Buffer[] {
  const whole = Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength).toString('latin1').trim();
  const lines = whole.split(/\r?\n/).map((line) => line.trim());
  const texts = new Set([whole, ...lines].filter((text) => text.length >= SECRET_BYTES_MIN));
  return [...texts].map((text) => Buffer.from(text, 'latin1'));
}

/** How many bytes at the end of `bytes` are the beginning of `secret`. */
function beginningAtEnd(bytes: Buffer, secret: Buffer): number {
  for (let length = Math.min(bytes.length, secret.length - 1); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(secret.subarray(0, length))) return length;
  }
  return 0;
}
