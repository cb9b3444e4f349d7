import { TarParser } from '../../archive/index.ts';
import { type ByteString, fromBytes, ShaleError, toText } from '../../base/index.ts';
import { type Dependency, parseDependencies, type Provision } from './dependency.ts';
import { isGzip, readGzipMember } from './gzip-member.ts';
import { type AlpineKey, type Signature, verifySignatures } from './keys.ts';
import { isApkVersion } from './version.ts';

/** A package as an index offers it. */
export interface ApkPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** `Q1` and the SHA-1 of its control segment in base64: what the signed index says the package is. */
  readonly checksum: string;
  /** Of the package file. */
  readonly sizeBytes: number;
  /** Of what it installs; a package with 0 is not even downloaded. */
  readonly installedBytes: number;
  readonly depends: readonly Dependency[];
  readonly provides: readonly Dependency[];
  readonly installIf: readonly Dependency[];
  readonly providerPriority: number;
  readonly origin: ByteString | undefined;
  /** Seconds since 1970. */
  readonly builtAt: number | undefined;
  /** Fields that only the database repeats, by their letter. */
  readonly fields: ReadonlyMap<string, ByteString>;
  /** Places in the list of repositories of those that offer it, lowest first. */
  readonly repositories: readonly number[];
}

export interface SignedIndex {
  readonly packages: readonly ApkPackage[];
  readonly key: AlpineKey;
}

export const INDEX_BYTES_MAX: number = 64 * 1024 * 1024;
const PLAIN_BYTES_MAX: number = 512 * 1024 * 1024;
const SIGNATURE_BYTES_MAX: number = 1024 * 1024;
const PACKAGES_MAX = 200_000;

/**
 * Reads an APKINDEX.tar.gz: a gzip member with its signatures, and another one, which they are about, with the list.
 * @throws SIGNATURE_INVALID, APK_MALFORMED, APK_VERSION_3, APK_DEPENDENCY, and the errors of the tar reader
 */
export function readSignedIndex(
  bytes: Buffer,
  options: { readonly keys: ReadonlyMap<string, AlpineKey>; readonly what: string; readonly repository: number },
): SignedIndex {
  const { keys, what, repository } = options;
  refuseVersion3(bytes, what);
  if (!isGzip(bytes)) throw malformed(`${what} is no gzip file`);
  const first = readGzipMember(bytes, 0, { maxBytes: SIGNATURE_BYTES_MAX, what });
  const signatures = signaturesOf(first.plain);
  const key = verifySignatures(bytes.subarray(first.end), signatures, keys, what);
  const list = readGzipMember(bytes, first.end, { maxBytes: PLAIN_BYTES_MAX, what });
  if (list.end !== bytes.length) throw malformed(`${what} has more than its list`);
  const text = filesOf(list.plain).get('APKINDEX');
  if (text === undefined) throw malformed(`${what} has no APKINDEX`);
  return { key, packages: parsePackages(fromBytes(text), repository, what) };
}

/** apk-tools 3 has another format for indexes and packages. @throws APK_VERSION_3 */
export function refuseVersion3(bytes: Uint8Array, what: string): void {
  if (fromBytes(bytes.subarray(0, 3)) !== 'ADB') return;
  throw new ShaleError('APK_VERSION_3', `${what} is in the format of apk-tools 3, which is not supported`, {
    data: { what },
    hint: 'Alpine publishes its repositories in the format of apk-tools 2 too: APKINDEX.tar.gz and packages beside it',
  });
}

/** The signatures in a tar that holds nothing else; none when it holds anything else. */
export function signaturesOf(tar: Buffer): Signature[] {
  const files = filesOf(tar);
  const isSigned = files.size > 0 && [...files.keys()].every((name) => name.startsWith('.SIGN.'));
  return isSigned ? [...files].map(([name, bytes]) => ({ name, bytes })) : [];
}

/** The plain files at the top of a small tar; of several with one name the last. */
export function filesOf(tar: Buffer): Map<ByteString, Buffer> {
  const files = new Map<ByteString, Buffer>();
  let current: { readonly path: ByteString; readonly chunks: Buffer[] } | undefined;
  const parser = new TarParser({
    entry: ({ kind, path }) => (current = kind === 'file' ? { path, chunks: [] } : undefined),
    content: (chunk) => current?.chunks.push(Buffer.from(chunk)),
    contentEnd: () => current !== undefined && files.set(current.path, Buffer.concat(current.chunks)),
  });
  parser.write(tar);
  parser.end();
  return files;
}

/** Fields that the database repeats as they are, in its order. */
export const REPEATED_FIELDS = ['T', 'U', 'L', 'o', 'm', 't', 'c', 'k'] as const;

function parsePackages(text: ByteString, repository: number, what: string): ApkPackage[] {
  const packages: ApkPackage[] = [];
  for (const block of text.split(/\n{2,}/)) {
    if (block.trim() === '') continue;
    if (packages.length === PACKAGES_MAX) throw malformed(`${what} lists more than ${PACKAGES_MAX} packages`);
    const made = parsePackage(block, repository, what);
    if (made !== undefined) packages.push(made);
  }
  return packages;
}

/** Undefined for a package that needs a newer apk: one with a field in capitals that apk 2 does not know. */
function parsePackage(block: ByteString, repository: number, what: string): ApkPackage | undefined {
  const fields = new Map<string, ByteString>();
  for (const line of block.split('\n')) {
    if (line === '') continue;
    if (line[1] !== ':') throw malformed(`a line of ${what}: ${JSON.stringify(toText(line))}`);
    fields.set(line.slice(0, 1), line.slice(2));
  }
  const get = (letter: string): ByteString => fields.get(letter) ?? '';
  const name = get('P');
  const version = get('V');
  if (!/^[A-Za-z0-9_][^\s/<>=~!@]*$/.test(name) || !isApkVersion(version) || version === '' || version.includes('/'))
    throw malformed(`a package in ${what}: ${JSON.stringify(toText(`${name}-${version}`))}`);
  if (!/^Q1[A-Za-z0-9+/]{27}=$/.test(get('C')))
    throw malformed(`the checksum of ${name} in ${what}: ${JSON.stringify(toText(get('C')))}`);
  if ([...fields.keys()].some((letter) => /[A-Z]/.test(letter) && !'CPVASITULD'.includes(letter))) return undefined;
  return {
    name,
    version,
    architecture: get('A'),
    checksum: get('C'),
    sizeBytes: numberOf(get('S'), what),
    installedBytes: numberOf(get('I'), what),
    depends: parseDependencies(get('D')),
    provides: parseDependencies(get('p')),
    installIf: parseDependencies(get('i')),
    providerPriority: numberOf(get('k'), what),
    origin: fields.get('o'),
    builtAt: fields.has('t') ? numberOf(get('t'), what) : undefined,
    fields: new Map(REPEATED_FIELDS.flatMap((letter) => (fields.has(letter) ? [[letter, get(letter)]] : []))),
    repositories: [repository],
  };
}

function numberOf(text: ByteString, what: string): number {
  if (!/^\d{0,15}$/.test(text)) throw malformed(`a number in ${what}: ${JSON.stringify(toText(text))}`);
  return Number(text);
}

/** What a package is under each name that it answers to; its own name first. */
export function provisionsOf(each: ApkPackage): ReadonlyMap<string, Provision> {
  const { checksum } = each;
  const own: [string, Provision] = [each.name, { version: each.version, checksum }];
  return new Map([
    own,
    ...each.provides
      .filter(({ name }) => name !== each.name)
      .map(({ name, constraint }): [string, Provision] => [
        name,
        { version: constraint.kind === 'version' ? constraint.version : undefined, checksum },
      ]),
  ]);
}

/** Packages of several repositories as one list: a build that several have counts once. */
export function joinPackages(lists: readonly (readonly ApkPackage[])[]): ApkPackage[] {
  const byBuild = new Map<string, ApkPackage>();
  for (const each of lists.flat()) {
    const key = `${each.name} ${each.version} ${each.checksum}`;
    const known = byBuild.get(key);
    byBuild.set(
      key,
      known === undefined ? each : { ...known, repositories: [...known.repositories, ...each.repositories] },
    );
  }
  return [...byBuild.values()];
}

function malformed(why: string): ShaleError {
  return new ShaleError('APK_MALFORMED', why);
}
