import { compareLayerPaths, encodeTarHeader, TAR_END, tarPadding } from '../../archive/index.ts';
import { compareBytes, ShaleError, toText, type ByteString } from '../../base/index.ts';
import { fileBytes } from '../../images/index.ts';
import { treeEntries, writeTree, type TreeEntry } from '../../layers/index.ts';
import { formatPlatform, type Platform } from '../../oci/index.ts';
import type { ExportContext, Exported, Exporter, Product, ProductImage } from './exporter.ts';
import { writeOutput } from './output-file.ts';
import type { LocalOutput, TarOutput } from './output.ts';

/** The files of one platform. */
interface PlatformTree {
  readonly image: ProductImage;
  readonly entries: () => Iterable<TreeEntry>;
}

const PLATFORM_FOLDER = {
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  linkTarget: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
} as const;

const NOTHING_TO_TELL: Exported = { digest: undefined, report: {} };

/** The files of the result in one tar, owners and all, in a layer's order: the same files give the same bytes. */
export function tarExporter(output: TarOutput): Exporter {
  return {
    title: 'exporting to client tarball',
    async export(product, context) {
      const entries = await filesOf(product, context, isSplit(product, output.platformSplit));
      await writeOutput(output.to, tarOf(entries, context.signal), context.signal);
      return NOTHING_TO_TELL;
    },
  };
}

/** The files of the result in a folder of the host. */
export function localExporter(output: LocalOutput): Exporter {
  return {
    title: 'exporting to client directory',
    async export(product, context) {
      const entries = await filesOf(product, context, isSplit(product, output.platformSplit));
      const { lost } = await writeTree(entries, {
        folder: output.folder,
        deleteOthers: output.mode === 'delete',
        signal: context.signal,
      });
      for (const what of lost) context.warn(`not written to ${output.folder}: ${what}`);
      return NOTHING_TO_TELL;
    },
  };
}

function isSplit(product: Product, asked: boolean | undefined): boolean {
  return asked ?? product.isIndex;
}

/** The trees of all platforms: each in a folder of its own, or over each other. @throws OUTPUT_CONFLICT */
async function filesOf(product: Product, { layers }: ExportContext, split: boolean): Promise<Iterable<TreeEntry>> {
  const trees: PlatformTree[] = [];
  for (const image of product.images) {
    const stack = await layers.stack(image.diffIds);
    trees.push({ image, entries: () => treeEntries(stack) });
  }
  const [only] = trees;
  if (split) return splitEntries(trees);
  return trees.length === 1 && only !== undefined ? only.entries() : mergedEntries(trees);
}

/** `linux_arm_v7`, as buildx names them. */
function folderOf(platform: Platform): ByteString {
  return formatPlatform(platform).replaceAll('/', '_');
}

function* splitEntries(trees: readonly PlatformTree[]): Generator<TreeEntry> {
  for (const { image, entries } of trees.toSorted((a, b) =>
    compareBytes(folderOf(a.image.platform), folderOf(b.image.platform)),
  )) {
    const folder = folderOf(image.platform);
    const made = Date.parse(image.parsed.created ?? '1970-01-01T00:00:00Z');
    yield { entry: { ...PLATFORM_FOLDER, path: folder, mtimeNs: BigInt(made) * 1_000_000n } };
    for (const { entry, ...content } of entries()) {
      const linkTarget = entry.kind === 'hardlink' ? `${folder}/${entry.linkTarget}` : entry.linkTarget;
      yield { ...content, entry: { ...entry, path: `${folder}/${entry.path}`, linkTarget } };
    }
  }
}

/** Of a directory that several platforms have, the first says what it is; a file may come from one only. */
function mergedEntries(trees: readonly PlatformTree[]): TreeEntry[] {
  const all = new Map<ByteString, TreeEntry>();
  for (const { image, entries } of trees) {
    for (const one of entries()) {
      const { path, kind } = one.entry;
      const known = all.get(path);
      if (known === undefined) all.set(path, one);
      else if (known.entry.kind !== 'directory' || kind !== 'directory')
        throw new ShaleError(
          'OUTPUT_CONFLICT',
          `${toText(path)} of ${formatPlatform(image.platform)} would overwrite that of another platform`,
          { data: { path }, hint: 'leave platform-split as it is: each platform then has a folder of its own' },
        );
    }
  }
  return [...all.values()].toSorted((a, b) => compareLayerPaths(a.entry.path, b.entry.path));
}

async function* tarOf(entries: Iterable<TreeEntry>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const { entry, content } of entries) {
    signal.throwIfAborted();
    yield encodeTarHeader(entry);
    if (content !== undefined) yield* fileBytes(content.path, content.sizeBytes, content.offset);
    yield tarPadding(entry.sizeBytes);
  }
  yield TAR_END;
}
