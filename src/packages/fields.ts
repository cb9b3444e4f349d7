import type { ByteString } from '../base/index.ts';

/** Fields that one paragraph may have; further ones are left out. */
const FIELDS_MAX = 500;
/** Paragraphs of one file; further ones are left out. */
const PARAGRAPHS_MAX = 100_000;

/** The fields of one paragraph by their names in lower case. The first of several of one name counts. */
export type Fields = ReadonlyMap<string, ByteString>;

/**
 * The paragraphs of a control file (deb822(5)), a dpkg status file or the head of an e-mail (RFC 5322, as Python's core
 * metadata), leniently: what is no field is passed over. Continuation lines keep their line breaks.
 */
export function* paragraphsIn(text: ByteString): Generator<Fields> {
  let fields = new Map<string, ByteString>();
  let name: string | undefined;
  let seen = 0;
  for (const line of linesIn(text)) {
    if (line.trim() === '') {
      if (fields.size === 0) continue;
      yield fields;
      if (++seen === PARAGRAPHS_MAX) return;
      fields = new Map();
      name = undefined;
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (name !== undefined) fields.set(name, `${fields.get(name) ?? ''}\n${line.trimEnd()}`);
    } else {
      const colon = line.indexOf(':');
      const key = line.slice(0, colon).toLowerCase();
      const isKept = colon > 0 && !fields.has(key) && fields.size < FIELDS_MAX;
      name = isKept ? key : undefined;
      if (isKept) fields.set(key, line.slice(colon + 1).trim());
    }
  }
  if (fields.size > 0) yield fields;
}

/** One line after the other, without their ends; the text is never split as a whole. */
export function* linesIn(text: ByteString): Generator<ByteString> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const stop = end < 0 ? text.length : end;
    yield text.slice(at, text.charCodeAt(stop - 1) === 0x0d && stop > at ? stop - 1 : stop);
    at = stop + 1;
  }
}
