import { toText, type ByteString } from '../base/index.ts';
import { licencesIn } from './debian-copyright.ts';
import type { Dependencies } from './dependencies.ts';
import { paragraphsIn, type Fields } from './fields.ts';
import { plainText } from './plain-text.ts';
import { distroQualifier, formatPurl } from './purl.ts';
import type { TreeReader } from './tree-reader.ts';
import type { Distribution, FileList, Package } from './types.ts';

const STATUS = 'var/lib/dpkg/status';
/** Of images that were put together without dpkg: a file for each package. */
const STATUS_FOLDER = 'var/lib/dpkg/status.d';
const INFO_FOLDER = 'var/lib/dpkg/info';
const STATUS_MAX_BYTES: number = 32 * 1024 * 1024;
const COPYRIGHT_MAX_BYTES: number = 512 * 1024;
/** States in which no file of a package is there (dpkg(1), "Package states"). */
const ABSENT_STATES: ReadonlySet<string> = new Set(['not-installed', 'config-files']);

/** The packages that dpkg has in its database, and those of distroless images. */
export function* readDpkg(reader: TreeReader, distribution: Distribution | undefined): Generator<Package> {
  const database = reader.find(STATUS);
  const status = database && reader.readNode(database, STATUS_MAX_BYTES);
  if (database !== undefined && status !== undefined)
    for (const fields of paragraphsIn(status)) {
      if (ABSENT_STATES.has(fields.get('status')?.split(/\s+/)[2] ?? '')) continue;
      const found = packageOf(fields, { reader, distribution, foundIn: database.path, layer: database.node.layer });
      if (found !== undefined) yield found;
    }
  for (const [name] of reader.entries(STATUS_FOLDER)) {
    if (name.endsWith('.md5sums')) continue;
    const file = reader.find(`${STATUS_FOLDER}/${name}`);
    const text = file && reader.readNode(file, STATUS_MAX_BYTES);
    if (file === undefined || text === undefined) continue;
    for (const fields of paragraphsIn(text)) {
      const found = packageOf(fields, { reader, distribution, foundIn: file.path, layer: file.node.layer });
      if (found !== undefined) yield { ...found, fileList: md5sumsOf(reader, name) };
    }
  }
}

/** What the packages of the database need and provide. */
export function* dpkgDependencies(reader: TreeReader): Generator<Dependencies> {
  const statuses = [STATUS];
  for (const [name] of reader.entries(STATUS_FOLDER))
    if (!name.endsWith('.md5sums')) statuses.push(`${STATUS_FOLDER}/${name}`);
  for (const path of statuses) {
    for (const fields of paragraphsIn(reader.read(path, STATUS_MAX_BYTES) ?? '')) {
      const name = plainText(fields.get('package'));
      if (name === undefined) continue;
      const needs = [...namesIn(fields.get('pre-depends')), ...namesIn(fields.get('depends'))];
      yield { name, needs, provides: namesIn(fields.get('provides')) };
    }
  }
}

/** `a (>= 1), b | c:any` (deb-control(5), "Depends"). */
function namesIn(relations = ''): readonly ByteString[] {
  return relations
    .split(/[,|]/)
    .map((relation) => /^\s*([^\s:([<]+)/.exec(relation)?.[1] ?? '')
    .filter((name) => name !== '');
}

interface Finding {
  readonly reader: TreeReader;
  readonly distribution: Distribution | undefined;
  readonly foundIn: ByteString;
  /** Of the file that tells of it. */
  readonly layer: number;
}

function packageOf(fields: Fields, { reader, distribution, foundIn, layer }: Finding): Package | undefined {
  const name = plainText(fields.get('package'));
  const version = plainText(fields.get('version'));
  if (name === undefined || version === undefined || !/^[a-z0-9][a-z0-9+.-]*$/i.test(name)) {
    const shown = toText(fields.get('package') ?? '').slice(0, 60);
    reader.problem(foundIn, `a package has no valid name and version (${JSON.stringify(shown)})`);
    return undefined;
  }
  const architecture = plainText(fields.get('architecture'));
  const supplier = plainText(fields.get('maintainer'));
  const homepage = plainText(fields.get('homepage'));
  const source = sourceOf(fields, version);
  const isOwnSource = source.name === name && source.version === version;
  const list = listOf(reader, name, architecture);
  return {
    type: 'deb',
    name,
    version,
    ...(architecture !== undefined && { architecture }),
    ...(!isOwnSource && { source }),
    ...(supplier !== undefined && { supplier }),
    ...(homepage !== undefined && { homepage }),
    licences: licencesOf(reader, name),
    purl: formatPurl({
      type: 'deb',
      namespace: distribution?.id ?? 'debian',
      name: name.toLowerCase(),
      version,
      qualifiers: {
        arch: architecture,
        distro: distroQualifier(distribution),
        ...(!isOwnSource && { upstream: upstreamOf(source, version) }),
      },
    }),
    // dpkg writes the list of files whenever it unpacks the package; the status file, whenever anything changes.
    layer: list?.layer ?? layer,
    foundIn,
    fileList: list?.fileList ?? { kind: 'none' },
  };
}

/** `Source: glibc (2.36-9)`; the version is the package's own where none is given (deb-control(5)). */
function sourceOf(fields: Fields, version: string): { readonly name: string; readonly version: string } {
  const [, name, other] = /^(\S+)(?:\s+\((\S+)\))?$/.exec(plainText(fields.get('source')) ?? '') ?? [];
  return { name: name ?? plainText(fields.get('package')) ?? '', version: other ?? version };
}

/** As scanners look for security notices, which are about source packages. */
function upstreamOf(source: { readonly name: string; readonly version: string }, version: string): string {
  return source.version === version ? source.name : `${source.name}@${source.version}`;
}

function listOf(
  reader: TreeReader,
  name: string,
  architecture: string | undefined,
): { readonly fileList: FileList; readonly layer: number } | undefined {
  for (const base of [name, `${name}:${architecture ?? ''}`]) {
    const found = reader.find(`${INFO_FOLDER}/${base}.list`);
    if (found !== undefined) return { fileList: { kind: 'dpkg-list', path: found.path }, layer: found.node.layer };
  }
  return undefined;
}

function md5sumsOf(reader: TreeReader, name: ByteString): FileList {
  const found = reader.find(`${STATUS_FOLDER}/${name}.md5sums`);
  return found === undefined ? { kind: 'none' } : { kind: 'md5sums', path: found.path };
}

function licencesOf(reader: TreeReader, name: string): readonly string[] {
  const found = reader.find(`usr/share/doc/${name}/copyright`);
  // Beyond this it is the text of licences, and no list of them.
  if (found === undefined || found.node.sizeBytes > COPYRIGHT_MAX_BYTES) return [];
  return licencesIn(reader.readNode(found, COPYRIGHT_MAX_BYTES) ?? '');
}
