import { isJsonObject, isShaleError, parseJson, toBytes, type ByteString, type Json } from '../base/index.ts';
import { plainText } from './plain-text.ts';
import { formatPurl } from './purl.ts';
import type { TreeReader } from './tree-reader.ts';
import type { Package } from './types.ts';
import type { Finding } from './walk.ts';

const PACKAGE_JSON_MAX_BYTES: number = 1024 * 1024;
const LOCK_MAX_BYTES: number = 32 * 1024 * 1024;
/** Packages of one lock file; further ones are left out. */
const LOCKED_MAX = 50_000;

/** The package of a `package.json` that lies in a `node_modules`. */
export function readModule(reader: TreeReader, found: Finding): Package | undefined {
  const document = jsonIn(reader, found, PACKAGE_JSON_MAX_BYTES);
  // Packages have files of that name inside, without name and version, that say how parts of them are loaded.
  if (!isJsonObject(document) || document['name'] === undefined || document['version'] === undefined) return undefined;
  const folder = found.path.slice(0, found.path.lastIndexOf('/'));
  return packageOf(
    { name: document['name'], version: document['version'], fields: document },
    { reader, found, fileList: { kind: 'folder', path: folder } },
  );
}

/**
 * What a `package-lock.json` without a `node_modules` beside it says that was installed (lockfileVersion 2 and 3): the
 * packages went into a bundle, or nobody cares. Those for development are left out.
 */
export function* readLock(reader: TreeReader, found: Finding): Generator<Package> {
  const document = jsonIn(reader, found, LOCK_MAX_BYTES);
  const packages = isJsonObject(document) ? document['packages'] : undefined;
  if (!isJsonObject(packages)) return;
  for (const [path, fields] of Object.entries(packages).slice(0, LOCKED_MAX)) {
    const name = path.split('node_modules/').at(-1);
    if (!path.includes('node_modules/') || !isJsonObject(fields) || name === undefined) continue;
    if (fields['dev'] === true || fields['link'] === true || fields['version'] === undefined) continue;
    const own = { name: fields['name'] ?? name, version: fields['version'], fields };
    const each = packageOf(own, { reader, found, fileList: { kind: 'none' } });
    if (each !== undefined) yield each;
  }
}

function packageOf(
  given: {
    readonly name: Json;
    readonly version: Json;
    readonly fields: { readonly [name: string]: Json | undefined };
  },
  where: { readonly reader: TreeReader; readonly found: Finding; readonly fileList: Package['fileList'] },
): Package | undefined {
  const { reader, found, fileList } = where;
  const name = textOf(given.name);
  const version = textOf(given.version);
  const [, scope, bare] = /^(?:(@[^/]+)\/)?([^/]+)$/.exec(name ?? '') ?? [];
  if (name === undefined || version === undefined || bare === undefined) {
    reader.problem(found.path, 'a package has no valid name and version');
    return undefined;
  }
  const supplier = personOf(given.fields['author']);
  const homepage = textOf(given.fields['homepage']);
  return {
    type: 'npm',
    name,
    version,
    ...(supplier !== undefined && { supplier }),
    ...(homepage !== undefined && { homepage }),
    licences: licencesOf(given.fields['license'] ?? given.fields['licenses']),
    purl: formatPurl({ type: 'npm', namespace: scope?.toLowerCase(), name: bare.toLowerCase(), version }),
    layer: found.node.layer,
    foundIn: found.path,
    fileList,
  };
}

/** `"MIT"`, `{ "type": "MIT" }`, or a list of these, as old packages have it. */
function licencesOf(value: Json | undefined): readonly string[] {
  const each = Array.isArray(value) ? value.slice(0, 20) : [value];
  return each.flatMap((one: Json | undefined) => textOf(isJsonObject(one) ? one['type'] : one) ?? []);
}

function personOf(value: Json | undefined): string | undefined {
  if (!isJsonObject(value)) return textOf(value);
  const name = textOf(value['name']);
  const email = textOf(value['email']);
  return name === undefined || email === undefined ? (name ?? email) : `${name} <${email}>`;
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? plainText(Buffer.from(value, 'utf8').toString('latin1')) : undefined;
}

function jsonIn(reader: TreeReader, found: Finding, maxBytes: number): Json | undefined {
  const text: ByteString | undefined = reader.readNode(found, maxBytes);
  if (text === undefined) return undefined;
  try {
    return parseJson(toBytes(text), 'it');
  } catch (error) {
    if (!isShaleError(error, 'JSON_INVALID')) throw error;
    reader.problem(found.path, error.message);
    return undefined;
  }
}
