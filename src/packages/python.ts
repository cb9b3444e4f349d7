import type { ByteString } from '../base/index.ts';
import { paragraphsIn, type Fields } from './fields.ts';
import { plainText } from './plain-text.ts';
import { formatPurl } from './purl.ts';
import type { TreeReader } from './tree-reader.ts';
import type { FileList, Package } from './types.ts';
import type { Finding } from './walk.ts';

const METADATA_MAX_BYTES: number = 4 * 1024 * 1024;

/** The package of a `METADATA` or `PKG-INFO` file (packaging.python.org, "Core metadata specifications"). */
export function readDistributionInfo(reader: TreeReader, found: Finding): Package | undefined {
  const text = reader.readNode(found, METADATA_MAX_BYTES);
  if (text === undefined) return undefined;
  const [fields] = paragraphsIn(text);
  const name = plainText(fields?.get('name'));
  const version = plainText(fields?.get('version'));
  if (fields === undefined || name === undefined || version === undefined) {
    reader.problem(found.path, 'a package has no valid name and version');
    return undefined;
  }
  const homepage = plainText(fields.get('home-page'));
  const supplier = supplierOf(fields);
  return {
    type: 'pypi',
    name,
    version,
    ...(supplier !== undefined && { supplier }),
    ...(homepage !== undefined && homepage !== 'UNKNOWN' && { homepage }),
    licences: licencesOf(fields, text),
    // Names are equal where they differ in case, and in "-", "_" and "." (PEP 503).
    purl: formatPurl({ type: 'pypi', name: name.toLowerCase().replace(/[-_.]+/g, '-'), version }),
    layer: found.node.layer,
    foundIn: found.path,
    fileList: fileListOf(reader, found),
  };
}

function supplierOf(fields: Fields): string | undefined {
  const [name, email] = [fields.get('author'), fields.get('author-email')].map(plainText);
  if (name === undefined || email === undefined || email.includes('<')) return email ?? name;
  return `${name} <${email}>`;
}

/** The licence expression; else the field for one, where it is a name and no text; else what the classifiers say. */
function licencesOf(fields: Fields, text: ByteString): readonly string[] {
  const declared = plainText(fields.get('license-expression')) ?? plainText(fields.get('license'));
  if (declared !== undefined && declared !== 'UNKNOWN') return [declared];
  const names = new Set<string>();
  for (const [, name] of text.matchAll(/^Classifier: License :: (?:OSI Approved :: )?([^\r\n:]{1,100})\r?$/gm)) {
    const plain = plainText(name);
    if (plain !== undefined && plain !== 'OSI Approved' && names.size < 20) names.add(plain);
  }
  return [...names];
}

function fileListOf(reader: TreeReader, { kind, path }: Finding): FileList {
  const folder = path.slice(0, path.lastIndexOf('/'));
  const name = kind === 'wheel' ? 'RECORD' : 'installed-files.txt';
  if (kind === 'egg-file' || reader.find(`${folder}/${name}`) === undefined) return { kind: 'none' };
  return { kind: kind === 'wheel' ? 'wheel-record' : 'egg-list', path: `${folder}/${name}` };
}
