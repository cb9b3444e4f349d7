import { mapPool } from '../../base/index.ts';
import type { BaseHost } from '../host.ts';
import { fetchPackage } from './archive.ts';
import type { DebContents } from './deb-contents.ts';
import type { DebReader } from './deb-reader.ts';
import { inspectBaseFiles, mergedFolders } from './merged-usr.ts';
import type { DebianBaseOptions } from './options.ts';
import type { Package } from './packages-index.ts';
import { addFolder, addSymlink } from '../rootfs/own-files.ts';
import { type UnpackedPackage, Unpacker, type UnpackOptions } from './unpack.ts';

const FETCHES_MAX = 8;

/** Downloads up to eight packages at once, and unpacks them in their order as they come. */
export async function unpackAll(
  selected: readonly Package[],
  options: DebianBaseOptions,
  host: BaseHost,
  reader: DebReader,
  target: UnpackOptions,
): Promise<UnpackedPackage[]> {
  const ordered = baseFilesFirst(selected);
  if (ordered[0]?.name !== 'base-files') addMergedLinks(options.architecture, target);
  using stop = linkedController(options.signal);
  const arrivals = ordered.map(() => Promise.withResolvers<string>());
  for (const { promise } of arrivals) promise.catch(() => undefined);
  const downloads = mapPool(ordered, FETCHES_MAX, async (each, index) => {
    try {
      arrivals[index]?.resolve(await fetchPackage(host, each, stop.signal));
    } catch (error) {
      arrivals[index]?.reject(error);
      throw error;
    }
  });
  downloads.catch(() => undefined);
  const opened = openInOrder(
    arrivals.map(({ promise }) => promise),
    reader,
  );
  const unpacker = new Unpacker(target);
  const packages: UnpackedPackage[] = [];
  try {
    for (const [index, each] of ordered.entries()) {
      options.signal?.throwIfAborted();
      let contents = await opened[index];
      if (contents === undefined) continue;
      if (each.name === 'base-files') contents = await prepareRoot(contents, options.architecture, target);
      packages.push(await unpacker.add(contents));
      options.onProgress?.({ kind: 'unpacked', name: each.name, done: index + 1, total: ordered.length });
    }
  } catch (error) {
    stop.abort();
    throw error;
  } finally {
    await downloads.catch(() => undefined);
  }
  return sortLike(packages, selected);
}

// base-files has the links and folders that others are unpacked through.
function baseFilesFirst(packages: readonly Package[]): Package[] {
  return [
    ...packages.filter((each) => each.name === 'base-files'),
    ...packages.filter((each) => each.name !== 'base-files'),
  ];
}

function sortLike(unpacked: readonly UnpackedPackage[], packages: readonly Package[]): UnpackedPackage[] {
  const rank = new Map(packages.map((each, index) => [each.name, index]));
  return unpacked.toSorted(
    (a, b) => (rank.get(a.control.get('Package') ?? '') ?? 0) - (rank.get(b.control.get('Package') ?? '') ?? 0),
  );
}

/** The reader takes packages in the order in which they will be used, each as soon as it and all before it are there. */
function openInOrder(paths: readonly Promise<string>[], reader: DebReader): Promise<DebContents>[] {
  let before: Promise<unknown> = Promise.resolve();
  return paths.map((path) => {
    // Asking the reader is what has to be in order; its answer is not waited for.
    const asked = before.then(async () => {
      const found = await path;
      return { contents: reader.open(found) };
    });
    asked.catch(() => undefined);
    before = asked;
    const contents = asked.then((answer) => answer.contents);
    contents.catch(() => undefined);
    return contents;
  });
}

/** The links of merged /usr, where base-files does not bring them itself. */
async function prepareRoot(contents: DebContents, architecture: string, target: UnpackOptions): Promise<DebContents> {
  const inspected = await inspectBaseFiles(contents);
  if (!inspected.shipsLinks) addMergedLinks(architecture, target);
  return inspected.contents;
}

function addMergedLinks(architecture: string, target: UnpackOptions): void {
  for (const name of mergedFolders(architecture)) {
    addFolder(target, `usr/${name}`);
    addSymlink(target, name, `usr/${name}`);
  }
}

interface LinkedController extends Disposable {
  readonly signal: AbortSignal;
  abort(): void;
}

/** Aborts with the outer signal, or by itself. */
function linkedController(outer: AbortSignal | undefined): LinkedController {
  const controller = new AbortController();
  const forward = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) forward();
  outer?.addEventListener('abort', forward, { once: true });
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    [Symbol.dispose]: () => outer?.removeEventListener('abort', forward),
  };
}
