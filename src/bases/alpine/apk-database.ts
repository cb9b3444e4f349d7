import { encodeTarHeader, TAR_END, tarPadding } from '../../archive/index.ts';
import { type ByteString, toBytes } from '../../base/index.ts';
import type { OwnFile } from '../rootfs/own-files.ts';
import { tarEntryOf } from '../rootfs/tar-file.ts';
import { plainInode } from '../rootfs/tree.ts';
import { SCRIPT_KINDS } from './apk-reader.ts';
import { type Dependency, formatDependency } from './dependency.ts';
import type { AlpineKey } from './keys.ts';
import type { OwnerResolver } from './owners.ts';
import { type ApkPackage, REPEATED_FIELDS } from './package-index.ts';
import type { Repository } from './repository.ts';
import { compareDisplay } from './resolve.ts';
import type { InstalledPackage, Owner } from './unpack.ts';

export interface ApkDatabaseOptions {
  /** In the order in which they were installed. */
  readonly packages: readonly InstalledPackage[];
  readonly world: readonly Dependency[];
  readonly architecture: string;
  readonly repositories: readonly Repository[];
  /** Keys that the image's apk trusts besides those of its packages. */
  readonly keys: readonly AlpineKey[];
  readonly resolve: OwnerResolver;
}

const FOLDER = 'lib/apk/db';

/** What `apk add --initdb` would have left: apk's database, and its settings in /etc/apk. */
export function apkDatabase(options: ApkDatabaseOptions): OwnFile[] {
  const { packages, world, architecture, repositories, keys, resolve } = options;
  const sorted = packages.toSorted((a, b) => compareDisplay(a.package, b.package));
  const triggers = packages.filter((each) => each.triggers.length > 0);
  return [
    { path: `${FOLDER}/installed`, content: toBytes(sorted.map((each) => installedText(each, options)).join('')) },
    { path: `${FOLDER}/scripts.tar`, content: scriptsTar(packages) },
    {
      path: `${FOLDER}/triggers`,
      content: toBytes(triggers.map((each) => `${[each.package.checksum, ...each.triggers].join(' ')}\n`).join('')),
    },
    { path: `${FOLDER}/lock`, content: '', mode: 0o600 },
    { path: 'etc/apk/arch', content: `${architecture}\n` },
    {
      path: 'etc/apk/world',
      content: world
        .toSorted(compareDisplay)
        .map((each) => `${formatDependency(each, { tag: true })}\n`)
        .join(''),
    },
    {
      path: 'etc/apk/repositories',
      // A folder of the machine that made the image is no address for its apk.
      content: repositories
        .filter(({ url }) => !url.startsWith('file:'))
        .map(({ url, tag }) => `${tag === undefined ? '' : `@${tag} `}${url}\n`)
        .join(''),
    },
    ...keys.map(({ name, pem }) => ({ path: `etc/apk/keys/${name}`, content: pem })),
  ];

  function installedText(each: InstalledPackage, { repositories: known }: ApkDatabaseOptions): ByteString {
    const lines = packageLines(each.package);
    if (each.replaces.length > 0) lines.push(`r:${dependenciesText(each.replaces)}`);
    if (each.replacesPriority > 0) lines.push(`q:${each.replacesPriority}`);
    const tag = tagOf(each.package, known);
    if (tag !== undefined) lines.push(`s:${tag}`);
    for (const [folder, { owner, files }] of each.folders) {
      lines.push(`F:${folder}`);
      const shown = ownerText(owner, resolve);
      if (shown !== '0:0:755') lines.push(`M:${shown}`);
      for (const [name, file] of files) {
        lines.push(`R:${name}`);
        const text = ownerText(file.owner, resolve);
        if (text !== '0:0:644') lines.push(`a:${text}`);
        if (file.checksum !== undefined) lines.push(`Z:${file.checksum}`);
      }
    }
    return `${lines.join('\n')}\n\n`;
  }
}

/** The tag that a package came by: where no ordinary repository has it. */
function tagOf(each: ApkPackage, repositories: readonly Repository[]): string | undefined {
  const tags = each.repositories.map((place) => repositories[place]?.tag);
  return tags.includes(undefined) ? undefined : tags[0];
}

function packageLines(each: ApkPackage): ByteString[] {
  const lines = [
    `C:${each.checksum}`,
    `P:${each.name}`,
    `V:${each.version}`,
    `A:${each.architecture}`,
    `S:${each.sizeBytes}`,
    `I:${each.installedBytes}`,
  ];
  for (const letter of REPEATED_FIELDS) {
    const value = each.fields.get(letter);
    // Description, address and licence are written even when they are empty.
    if (value !== undefined || 'TUL'.includes(letter)) lines.push(`${letter}:${value ?? ''}`);
  }
  const lists = { D: each.depends, p: each.provides, i: each.installIf };
  for (const [letter, list] of Object.entries(lists))
    if (list.length > 0) lines.push(`${letter}:${dependenciesText(list)}`);
  return lines;
}

function dependenciesText(list: readonly Dependency[]): string {
  return list.map((each) => formatDependency(each)).join(' ');
}

function ownerText(owner: Owner, resolve: OwnerResolver): string {
  const { uid, gid, mode } = resolve(owner);
  return `${uid}:${gid}:${mode.toString(8)}${owner.xattrs === undefined ? '' : `:${owner.xattrs}`}`;
}

function scriptsTar(packages: readonly InstalledPackage[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { package: each, scripts } of packages) {
    for (const kind of SCRIPT_KINDS) {
      const script = scripts.get(kind);
      if (script === undefined) continue;
      const inode = plainInode('file', 0o755, BigInt(each.builtAt ?? 0) * 1_000_000_000n);
      const path = `${each.name}-${each.version}.${each.checksum}.${kind}`;
      parts.push(encodeTarHeader(tarEntryOf(path, inode, script.length)), script, tarPadding(script.length));
    }
  }
  return Buffer.concat([...parts, TAR_END]);
}
