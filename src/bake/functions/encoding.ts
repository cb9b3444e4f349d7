import { createHash } from 'node:crypto';
import { messageOf } from '../../base/index.ts';
import { fromJson, toJson, type Value } from '../value.ts';
import { CallRefused, fixed, whole, type BakeFunction } from './function.ts';

export const ENCODING_FUNCTIONS: Readonly<Record<string, BakeFunction>> = {
  base64decode: fixed(['string'], (text) => {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new CallRefused('the text is not base64');
    const bytes = Buffer.from(text, 'base64');
    const decoded = bytes.toString('utf8');
    if (!Buffer.from(decoded).equals(bytes)) throw new CallRefused('the decoded bytes are no UTF-8 text');
    return decoded;
  }),
  base64encode: fixed(['string'], (text) => Buffer.from(text).toString('base64')),
  byteslen: fixed(['string'], (text) => Buffer.byteLength(text)),
  bytesslice: fixed(['string', 'number', 'number'], (text, offset, length) => {
    const bytes = Buffer.from(text);
    const start = whole(offset, 'the offset', 0, bytes.length);
    return bytes.subarray(start, start + whole(length, 'the length', 0, bytes.length - start)).toString();
  }),
  csvdecode: fixed(['string'], decodeTable),
  jsondecode: fixed(['string'], (text) => {
    try {
      return fromJson(JSON.parse(text));
    } catch (error) {
      throw new CallRefused(`the text is not JSON: ${messageOf(error)}`);
    }
  }),
  jsonencode: fixed(['any?'], (value) => JSON.stringify(toJson(value)).replaceAll(/[<>&\u2028\u2029]/g, escapeAsGo)),
  md5: fixed(['string'], (text) => createHash('md5').update(text).digest('hex')),
  sha1: fixed(['string'], (text) => createHash('sha1').update(text).digest('hex')),
  sha256: fixed(['string'], (text) => createHash('sha256').update(text).digest('hex')),
  sha512: fixed(['string'], (text) => createHash('sha512').update(text).digest('hex')),
  urlencode: fixed(['string'], (text) =>
    encodeURIComponent(text)
      .replaceAll('%20', '+')
      .replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
  ),
  uuidv5: fixed(['string', 'string'], uuid5),
};

/** Go's JSON is safe to put into HTML. */
function escapeAsGo(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Rows of a table as objects by the names of its first line. */
function decodeTable(text: string): Value {
  const [names = [], ...rows] = parseCsv(text);
  if (new Set(names).size < names.length) throw new CallRefused('two columns have one name');
  return rows.map((row, i) => {
    if (row.length !== names.length)
      throw new CallRefused(`row ${i + 2} has ${row.length} fields, and the first ${names.length}`);
    return new Map(names.map((name, column) => [name, row[column] ?? '']));
  });
}

/** Lines of fields (RFC 4180). @throws CallRefused */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length || row.length > 0) {
    const at = field.lastIndex;
    const match = field.exec(text);
    if (match === null) throw new CallRefused(`the field at character ${at + 1} has a quote in the wrong place`);
    const [, quoted, bare = '', end] = match;
    row.push(quoted?.replaceAll('""', '"') ?? bare);
    if (end === ',') {
      if (field.lastIndex < text.length) continue;
      row.push('');
    }
    // An empty line is none.
    if (row.length > 1 || row[0] !== '' || quoted !== undefined) rows.push(row);
    row = [];
    if (end === '') break;
  }
  return rows;
}

const NAMESPACES: Readonly<Record<string, string>> = {
  dns: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  url: '6ba7b811-9dad-11d1-80b4-00c04fd430c8',
  oid: '6ba7b812-9dad-11d1-80b4-00c04fd430c8',
  x500: '6ba7b814-9dad-11d1-80b4-00c04fd430c8',
};

/** RFC 9562, section 5.5. */
function uuid5(namespace: string, name: string): string {
  const id = NAMESPACES[namespace] ?? namespace;
  const digits = id.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(digits))
    throw new CallRefused(`${JSON.stringify(namespace)} is no UUID, and none of dns, url, oid, x500`);
  const hash = createHash('sha1').update(Buffer.from(digits, 'hex')).update(name).digest().subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
