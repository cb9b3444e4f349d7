import { isShaleError, ShaleError, toText, type ByteString } from '../base/index.ts';
import type { Stack } from '../layers/index.ts';
import { fileOwners, listedFiles, type Package, readInventory, withDependencies } from '../packages/index.ts';

/** An installed package none of whose files was opened, and that nothing which was used depends on. */
export interface UnusedPackage {
  readonly name: string;
  readonly version: string;
  /** Of its regular files. */
  readonly bytes: number;
  /** The number of the layer that brought it, counted from the lowest. */
  readonly layer: number;
}

/** What every package of Debian has beside what it is for. */
const ACCOMPANYING: RegExp =
  /^usr\/share\/(?:doc\/[^/]+\/(?:copyright|buildinfo|changelog|NEWS|README|TODO|AUTHORS|NOTICE)|lintian\/|bug\/|doc-base\/)/;
/** What an install script makes lies in a folder of few packages; in those of many it may be anybody's. */
const SHARERS_MAX = 3;

/**
 * The packages of dpkg and apk above the base that no container of the image has used, as far as a trace of opened files
 * tells; the largest first. `baseLayers`: how many layers are the base's, whose packages are left out, also newer ones of the same name.
 * @throws TRACE_FOREIGN where a file that was opened is none of this image
 */
export function unusedPackages(
  stack: Stack,
  opened: readonly ByteString[],
  base: { readonly names: ReadonlySet<string>; readonly layers: number },
): readonly UnusedPackage[] {
  const managed = readInventory(stack).packages.filter(isManaged);
  const files = new PackageFiles(stack, managed);
  const used = files.usedBy(openedIn(stack, opened));
  const needed = withDependencies(stack, managed, used);
  return managed
    .filter((each) => each.layer >= base.layers && !base.names.has(each.name))
    .filter((each) => !needed.has(each) && files.hasContent(each))
    .map((each) => ({ name: each.name, version: each.version, bytes: files.bytesOf(each), layer: each.layer }))
    .toSorted((a, b) => b.bytes - a.bytes);
}

/** The names of the packages of dpkg and apk that a base has. */
export function packageNames(stack: Stack): ReadonlySet<string> {
  return new Set(
    readInventory(stack)
      .packages.filter(isManaged)
      .map(({ name }) => name),
  );
}

function isManaged({ type }: Package): boolean {
  return type === 'deb' || type === 'apk';
}

/** As paths from the root. @throws TRACE_FOREIGN */
function openedIn(stack: Stack, opened: readonly ByteString[]): ReadonlySet<ByteString> {
  const paths = new Set(opened.map((path) => path.slice(1)));
  if (paths.size === 0) throw foreign('it names no file');
  for (const path of paths) {
    if (stack.view.find(path)?.kind !== 'file')
      throw foreign(`the image of the last build has no file /${toText(path)}`);
  }
  return paths;
}

function foreign(why: string): ShaleError {
  return new ShaleError('TRACE_FOREIGN', `the trace of opened files is of another image: ${why}`, {
    hint: 'shale run --trace-files FILE with the image of the last build',
  });
}

interface OwnFiles {
  readonly regular: { readonly path: ByteString; readonly bytes: number }[];
  readonly links: ByteString[];
}

class PackageFiles {
  readonly #stack: Stack;
  readonly #packages: readonly Package[];
  readonly #owners: ReadonlyMap<ByteString, Package>;
  readonly #files = new Map<Package, OwnFiles>();

  constructor(stack: Stack, packages: readonly Package[]) {
    this.#stack = stack;
    this.#packages = packages;
    this.#owners = fileOwners(stack, packages);
    for (const [path, owner] of this.#owners) {
      const node = stack.view.find(path);
      const { regular, links } = this.#of(owner);
      if (node?.kind === 'file') regular.push({ path, bytes: node.sizeBytes });
      else if (node?.kind === 'symlink') links.push(path);
    }
  }

  bytesOf(each: Package): number {
    return this.#of(each).regular.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Those of which something was opened, or that may have made what was opened and nobody has in a list. */
  usedBy(opened: ReadonlySet<ByteString>): ReadonlySet<Package> {
    const used = new Set<Package>();
    const folders = new Set<ByteString>();
    for (const path of opened) {
      const owner = this.#owners.get(path) ?? this.#owners.get(sourceOf(path));
      if (owner === undefined) folders.add(parentOf(path));
      else used.add(owner);
    }
    for (const each of this.#madeIn(folders)) used.add(each);
    for (const each of this.#packages) if (!used.has(each) && this.#leadsTo(opened, each)) used.add(each);
    return used;
  }

  /** The packages whose install scripts may have made what was opened in these folders and is in no list. */
  *#madeIn(folders: ReadonlySet<ByteString>): Generator<Package> {
    if (folders.size === 0) return;
    const sharers = new Map<ByteString, Set<Package>>();
    for (const [each, path] of listedFiles(this.#stack, this.#packages)) {
      for (const folder of [path, parentOf(path)]) {
        if (!folders.has(folder)) continue;
        const known = sharers.get(folder);
        if (known === undefined) sharers.set(folder, new Set([each]));
        else known.add(each);
      }
    }
    for (const those of sharers.values()) if (those.size <= SHARERS_MAX) yield* those;
  }

  /** Something that could be opened or lead to what is opened; others are there for what they depend on. */
  hasContent(each: Package): boolean {
    const { regular, links } = this.#contentOf(each);
    return regular.length > 0 || links.length > 0;
  }

  /** A package of links alone is used where one of them leads to what was opened. */
  #leadsTo(opened: ReadonlySet<ByteString>, each: Package): boolean {
    const { regular, links } = this.#contentOf(each);
    return regular.length === 0 && links.some((path) => opened.has(this.#target(path) ?? ''));
  }

  #contentOf(each: Package): OwnFiles {
    const { regular, links } = this.#of(each);
    return {
      regular: regular.filter(({ path }) => !ACCOMPANYING.test(path)),
      links: links.filter((path) => !ACCOMPANYING.test(path)),
    };
  }

  #target(link: ByteString): ByteString | undefined {
    try {
      return this.#stack.view.resolve(link, { followLast: true }).path;
    } catch (error) {
      if (isShaleError(error, 'LINK_LOOP')) return undefined;
      throw error;
    }
  }

  #of(each: Package): OwnFiles {
    let files = this.#files.get(each);
    if (files === undefined) this.#files.set(each, (files = { regular: [], links: [] }));
    return files;
  }
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Of a compiled Python module, which is made when its package is installed, the module. */
function sourceOf(path: ByteString): ByteString {
  return path.replace(/__pycache__\/([^/]+?)\.[^/.]+(?:\.opt-\d)?\.pyc$/s, '$1.py');
}
