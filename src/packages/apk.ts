import type { ByteString } from '../base/index.ts';
import { mergeIndexes, type LayerIndex } from '../erofs/index.ts';
import type { Dependencies } from './dependencies.ts';
import { linesIn } from './fields.ts';
import { plainText } from './plain-text.ts';
import { distroQualifier, formatPurl } from './purl.ts';
import { TreeReader } from './tree-reader.ts';
import type { Distribution, Package, PackageTree } from './types.ts';

/** Where apk keeps its database: before and since apk-tools 3. */
const DATABASES: readonly ByteString[] = ['lib/apk/db/installed', 'usr/lib/apk/db/installed'];
export const APK_DATABASE_MAX_BYTES: number = 64 * 1024 * 1024;

/** One package of the database: its fields by their letter, but for those of its files (apk(5), "installed"). */
type ApkFields = ReadonlyMap<string, ByteString>;

/** The packages that apk has in its database. */
export function* readApk(reader: TreeReader, distribution: Distribution | undefined): Generator<Package> {
  const seen = new Set<ByteString>();
  for (const place of DATABASES) {
    const database = reader.find(place);
    if (database === undefined || seen.has(database.path)) continue;
    seen.add(database.path);
    const text = reader.readNode(database, APK_DATABASE_MAX_BYTES);
    if (text === undefined) continue;
    const layers = layersThatBrought(reader, database.path);
    for (const fields of packagesIn(text)) {
      const found = packageOf(fields, distribution, { foundIn: database.path, layer: database.node.layer });
      if (found === undefined) reader.problem(database.path, 'a package has no valid name and version');
      else yield { ...found, layer: layers.get(keyOf(fields)) ?? found.layer };
    }
  }
}

/** What the packages of the database need and provide. */
export function* apkDependencies(reader: TreeReader): Generator<Dependencies> {
  for (const place of DATABASES) {
    for (const fields of packagesIn(reader.read(place, APK_DATABASE_MAX_BYTES) ?? '')) {
      const name = plainText(fields.get('P'));
      if (name !== undefined) yield { name, needs: namesIn(fields.get('D')), provides: namesIn(fields.get('p')) };
    }
  }
}

/** `so:libc.musl-x86_64.so.1 b>=1 c@edge !d` (apk-package(5), "depend"): what is not to be there needs nothing. */
function namesIn(words = ''): readonly ByteString[] {
  return words
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('!'))
    .map((word) => word.replace(/[<>=~@].*$/s, ''));
}

function packageOf(
  fields: ApkFields,
  distribution: Distribution | undefined,
  where: Pick<Package, 'foundIn' | 'layer'>,
): Package | undefined {
  const name = plainText(fields.get('P'));
  const version = plainText(fields.get('V'));
  if (name === undefined || version === undefined) return undefined;
  const architecture = plainText(fields.get('A'));
  const origin = plainText(fields.get('o'));
  const supplier = plainText(fields.get('m'));
  const homepage = plainText(fields.get('U'));
  const licence = plainText(fields.get('L'));
  const hasOrigin = origin !== undefined && origin !== name;
  return {
    type: 'apk',
    name,
    version,
    ...(architecture !== undefined && { architecture }),
    ...(hasOrigin && { source: { name: origin, version } }),
    ...(supplier !== undefined && { supplier }),
    ...(homepage !== undefined && { homepage }),
    licences: licence === undefined ? [] : [licence],
    purl: formatPurl({
      type: 'apk',
      namespace: distribution?.id ?? 'alpine',
      name: name.toLowerCase(),
      version,
      qualifiers: {
        arch: architecture,
        distro: distroQualifier(distribution),
        ...(hasOrigin && { upstream: origin }),
      },
    }),
    ...where,
    fileList: { kind: 'apk', path: where.foundIn },
  };
}

/**
 * The layer since which each package has been there in its version. The database is one file, written anew by every layer
 * that installs anything, so its states are compared.
 */
function layersThatBrought(reader: TreeReader, path: ByteString): ReadonlyMap<string, number> {
  let since = new Map<string, number>();
  for (const [number, layer] of reader.tree.layers.entries()) {
    const state = new TreeReader(aloneTree(reader.tree, number, layer.index)).read(path, APK_DATABASE_MAX_BYTES);
    if (state === undefined) continue;
    const next = new Map<string, number>();
    for (const fields of packagesIn(state)) next.set(keyOf(fields), since.get(keyOf(fields)) ?? number);
    since = next;
  }
  return since;
}

/** One layer of a tree as if there were no other. */
function aloneTree(tree: PackageTree, layer: number, index: LayerIndex): PackageTree {
  return {
    layers: [{ index }],
    view: mergeIndexes([index]),
    locate: (node) => tree.locate({ layer, sizeBytes: node.sizeBytes, data: () => node.data() }),
  };
}

function keyOf(fields: ApkFields): string {
  return `${fields.get('P') ?? ''}\n${fields.get('V') ?? ''}`;
}

function* packagesIn(text: ByteString): Generator<ApkFields> {
  let fields = new Map<string, ByteString>();
  for (const line of linesIn(text)) {
    if (line === '') {
      if (fields.size > 0) yield fields;
      fields = new Map();
    } else if (line[1] === ':' && !'FMRaZ'.includes(line[0] ?? '')) fields.set(line[0] ?? '', line.slice(2));
  }
  if (fields.size > 0) yield fields;
}

/** The files of the packages in a database, each with the name of its package, as paths from the root. */
export function* apkFiles(text: ByteString): Generator<readonly [name: string, path: ByteString]> {
  let name: string | undefined;
  let folder = '';
  for (const line of linesIn(text)) {
    const value = line.slice(2);
    if (line.startsWith('P:')) name = plainText(value);
    else if (line.startsWith('F:')) folder = value;
    else if (line.startsWith('R:') && name !== undefined) yield [name, folder === '' ? value : `${folder}/${value}`];
  }
}
