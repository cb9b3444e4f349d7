import { createHash, type Hash } from 'node:crypto';

/** What a key can be made of. Every field is framed (tag and length), so no two different inputs share their bytes. */
export type Framed = string | number | boolean | null | undefined | Uint8Array | FramedList | FramedRecord;
/** An array, or as many values as it says that are made while they are asked for. */
export interface FramedList extends Iterable<Framed> {
  readonly length: number;
}
export interface FramedRecord {
  readonly [name: string]: Framed;
}

/**
 * sha256 (64 hex digits) over a framed encoding of `value`; `domain` names the kind of key and its version, so that
 * keys of different kinds never meet. Records are taken in the order of their names; fields that are undefined do not
 * count.
 */
export function framedHash(domain: string, value: Framed): string {
  const hash = createHash('sha256');
  frame(hash, domain);
  frame(hash, value);
  return hash.digest('hex');
}

function frame(hash: Hash, value: Framed): void {
  if (value === null || value === undefined) hash.update('n;');
  else if (typeof value === 'boolean') hash.update(value ? 't;' : 'f;');
  else if (typeof value === 'number') hash.update(`d${value};`);
  else if (typeof value === 'string') hash.update(`s${Buffer.byteLength(value)}:`).update(value);
  else if (value instanceof Uint8Array) hash.update(`b${value.byteLength}:`).update(value);
  else if (isList(value)) {
    hash.update(`l${value.length}:`);
    for (const item of value) frame(hash, item);
  } else {
    const names = Object.keys(value)
      .filter((name) => value[name] !== undefined)
      .toSorted();
    hash.update(`r${names.length}:`);
    for (const name of names) {
      frame(hash, name);
      frame(hash, value[name]);
    }
  }
}

function isList(value: FramedList | FramedRecord): value is FramedList {
  return Symbol.iterator in value;
}
