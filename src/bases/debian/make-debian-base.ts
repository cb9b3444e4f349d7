import { closeSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { framedHash, mapPool, ShaleError, toText } from '../../base/index.ts';
import type { ImageConfig } from '../../oci/index.ts';
import { redact } from '../fetch.ts';
import type { BaseHost, StoredLayer } from '../host.ts';
import { applyLayer } from '../rootfs/apply-layer.ts';
import { layerOfTree } from '../rootfs/layer-of-tree.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode, Tree } from '../rootfs/tree.ts';
import { chooseMirror, parseAptSources } from './apt-sources.ts';
import { type ArchiveSuite, fetchPackage, readPackages, readRelease } from './archive.ts';
import { checkConfigured, configureEnvironment, configureScript } from './configure.ts';
import type { DebContents } from './deb-contents.ts';
import { DebReader } from './deb-reader.ts';
import { loadDebianKeys } from './debian-keys.ts';
import { DPKG_FOLDERS, dpkgDatabase } from './dpkg-database.ts';
import { debianImageConfig, isDebianArchitecture } from './image-config.ts';
import { imageFiles } from './image-files.ts';
import { inspectBaseFiles, mergedFolders } from './merged-usr.ts';
import { normalise } from './normalise.ts';
import { type Package, PackagesIndex } from './packages-index.ts';
import { makePathFilter, SLIM_RULES } from './path-filter.ts';
import type { Release } from './release.ts';
import { resolveMinimal, type Selection } from './resolve.ts';
import { addFile, addFolder, addSymlink, type UnpackedPackage, Unpacker, type UnpackOptions } from './unpack.ts';

/** What `shale base debian` was asked for. */
export interface DebianBaseOptions {
  /** `stable` unless said otherwise. */
  readonly suite?: string;
  /** Leave out documentation, manual pages and translations. */
  readonly slim?: boolean;
  /** As Debian names it (`amd64`, `arm64`). The machine must be able to run its programs. */
  readonly architecture: string;
  /** The mirror that was asked for (`--mirror`). */
  readonly mirror?: string;
  /** The mirror of the configuration or of SHALE_DEBIAN_MIRROR. */
  readonly configuredMirror?: string;
  /** A mirror of the security archive: newer versions are taken from its `<codename>-security`. */
  readonly securityMirror?: string;
  /** Packages besides the minimal ones. */
  readonly include?: readonly string[];
  /** Keyring files to trust instead of Debian's keys. */
  readonly keyrings?: readonly string[];
  /** False for snapshots. */
  readonly checkValidUntil?: boolean;
  /** Seconds since 1970 (SOURCE_DATE_EPOCH); the date of the suite's Release unless said otherwise. */
  readonly epochSeconds?: number;
  /** The program and version that the image's history names. */
  readonly tool: string;
  readonly onProgress?: (event: BaseProgress) => void;
  readonly signal?: AbortSignal;
}

export type BaseProgress =
  | {
      readonly kind: 'release';
      readonly mirror: string;
      readonly suite: string;
      readonly codename: string;
      readonly version: string | undefined;
      readonly date: Date;
    }
  | { readonly kind: 'resolved'; readonly packages: number; readonly downloadBytes: number }
  | { readonly kind: 'unpacked'; readonly name: string; readonly done: number; readonly total: number }
  | { readonly kind: 'configuring' }
  /** What the packages' scripts print. */
  | { readonly kind: 'output'; readonly text: string }
  | { readonly kind: 'layer'; readonly layer: StoredLayer };

/** A finished base image: its layer is stored, its config is to be stored by the caller. */
export interface BaseImage {
  readonly config: ImageConfig;
  readonly layer: StoredLayer;
  readonly mirror: string;
  readonly suite: string;
  readonly codename: string;
  /** `13.7`; undefined for suites that are never released. */
  readonly version: string | undefined;
  readonly epochSeconds: number;
  /** What is in it, each package with the sha256 of its file. */
  readonly packages: readonly BasePackage[];
  /** Names everything that the layer is a function of; equal keys mean equal layers. */
  readonly key: string;
}

export interface BasePackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Changes whenever the same packages would give another layer. */
const LAYER_FORMAT = 'debian-base/1';
const FETCHES_MAX = 8;
const THREADS_MAX = 4;
const OUTPUT_TAIL_BYTES: number = 8 * 1024;
const MANUAL_FOLDER = /^\/usr\/share\/man\/man\d$/;
const SIGNED_BY = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Makes a Debian base image from a mirror: verify, resolve, download, unpack, configure, normalise. The same packages
 * and options give the same layer, whatever the machine, folder and hour.
 * @throws ShaleError with the codes of the parts; ARCHITECTURE_NOT_FOUND, CONFIGURE_FAILED.
 */
export async function makeDebianBase(options: DebianBaseOptions, host: BaseHost): Promise<BaseImage> {
  if (!isDebianArchitecture(options.architecture)) {
    throw new ShaleError(
      'ARCHITECTURE_NOT_FOUND',
      `Debian has no architecture ${JSON.stringify(options.architecture)}`,
    );
  }
  const plan = await makePlan(options, host);
  const found = await host.layers.find?.(plan.key);
  const layer = found ?? (await makeLayer(plan, options, host));
  if (found === undefined) await host.layers.record?.(plan.key, layer);
  options.onProgress?.({ kind: 'layer', layer });
  return imageOf(plan, layer, options);
}

interface Plan {
  readonly mirror: string;
  readonly suite: string;
  readonly security: ArchiveSuite | undefined;
  readonly release: Release;
  readonly selection: Selection;
  readonly epochSeconds: number;
  readonly key: string;
}

async function makePlan(options: DebianBaseOptions, host: BaseHost): Promise<Plan> {
  const { architecture, signal } = options;
  const suite = options.suite ?? 'stable';
  const sources = options.mirror === undefined && options.configuredMirror === undefined ? await host.aptSources() : [];
  const mirror = chooseMirror({
    option: options.mirror,
    configured: options.configuredMirror,
    sources: parseAptSources(sources),
  });
  const trust = {
    keyring: await loadDebianKeys(options.keyrings ?? []),
    checkValidUntil: options.checkValidUntil ?? true,
    signal,
  };
  const main: ArchiveSuite = { mirror, suite };
  const release = await readRelease(host, main, trust);
  options.onProgress?.({
    kind: 'release',
    mirror: redact(mirror),
    suite,
    codename: release.codename,
    version: release.version,
    date: release.date,
  });
  const index = new PackagesIndex(architecture);
  await readPackages(host, main, release, index, { architecture, signal });
  const releases = [release];
  let security: ArchiveSuite | undefined;
  if (options.securityMirror !== undefined) {
    security = { mirror: options.securityMirror.replace(/\/+$/, ''), suite: `${release.codename}-security` };
    const newer = await readRelease(host, security, trust);
    await readPackages(host, security, newer, index, { architecture, signal });
    releases.push(newer);
  }
  // The package that merges /usr of a running system is not for one that is made merged.
  const exclude = index.find('usr-is-merged') === undefined ? [] : ['usrmerge'];
  const selection = resolveMinimal(index, { architecture, include: options.include ?? [], exclude });
  options.onProgress?.({
    kind: 'resolved',
    packages: selection.packages.length,
    downloadBytes: selection.packages.reduce((sum, each) => sum + each.sizeBytes, 0),
  });
  const epochSeconds =
    options.epochSeconds ?? Math.max(...releases.map((each) => Math.floor(each.date.getTime() / 1000)));
  const key = framedHash(LAYER_FORMAT, {
    mirror,
    suite,
    architecture,
    epochSeconds,
    slim: options.slim === true,
    security: security === undefined ? null : [security.mirror, security.suite],
    packages: selection.packages.map((each) => [each.name, each.sha256]),
    essential: [...selection.essential].toSorted(),
  });
  return { mirror, suite, security, release, selection, epochSeconds, key };
}

async function makeLayer(plan: Plan, options: DebianBaseOptions, host: BaseHost): Promise<StoredLayer> {
  await using folder = await host.makeWorkFolder();
  await using reader = new DebReader(Math.min(THREADS_MAX, availableParallelism()));
  const epochNs = BigInt(plan.epochSeconds) * 1_000_000_000n;
  const rootfsTar = `${folder.path}/unpacked.tar`;
  using tar = new TarFileWriter(rootfsTar);
  const tree = new Tree(plainInode('directory', 0o755, epochNs));
  const slim = options.slim === true;
  const target: UnpackOptions = { tree, tar, mtimeNs: epochNs, isSkipped: makePathFilter(slim ? SLIM_RULES : []) };
  const packages = await unpackAll(plan, options, host, reader, target);
  finishUnpacked(target, plan, options, packages);
  tar.finish();

  options.onProgress?.({ kind: 'configuring' });
  const shipped = new Set([...tree.entries()].map(([, inode]) => inode.mtimeNs));
  const tail = new OutputTail(options.onProgress);
  const result = await host.runner.run({
    rootfsTar,
    args: [
      '/bin/sh',
      '-c',
      configureScript({ architecture: options.architecture, packages, essential: plan.selection.essential }),
    ],
    env: configureEnvironment(plan.epochSeconds),
    architecture: options.architecture,
    onOutput: (chunk) => tail.add(chunk),
    signal: options.signal,
  });
  if (result.exitCode !== 0) {
    throw new ShaleError(
      'CONFIGURE_FAILED',
      `configuring the packages ended with exit code ${result.exitCode}: ${tail.lastLines()}`,
      {
        data: { exitCode: result.exitCode, output: tail.text() },
      },
    );
  }
  using changes = openFile(result.changesTar);
  // Copies keep the time of what they are copies of; any other time is that of the run, and must not show.
  applyLayer(tree, changes.fd, { mtimeOf: ({ mtimeNs }) => (shipped.has(mtimeNs) ? mtimeNs : epochNs) });
  checkConfigured(tree, packages);
  normalise(tree, { epochSeconds: plan.epochSeconds, architecture: options.architecture, packages });
  return await host.layers.write(layerOfTree(tree, epochNs));
}

/** Downloads up to eight packages at once, and unpacks them in their order as they come. */
async function unpackAll(
  plan: Plan,
  options: DebianBaseOptions,
  host: BaseHost,
  reader: DebReader,
  target: UnpackOptions,
): Promise<UnpackedPackage[]> {
  const ordered = baseFilesFirst(plan.selection.packages);
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
  return sortLike(packages, plan.selection.packages);
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
  if (!inspected.shipsLinks) {
    for (const name of mergedFolders(architecture)) {
      addFolder(target, `usr/${name}`);
      addSymlink(target, name, `usr/${name}`);
    }
  }
  return inspected.contents;
}

/** dpkg's database, the image's own settings, and folders that must be there. */
function finishUnpacked(
  target: UnpackOptions,
  plan: Plan,
  options: DebianBaseOptions,
  packages: readonly UnpackedPackage[],
): void {
  const folders = ['dev', 'proc', 'sys', ...DPKG_FOLDERS];
  // Later packages put links into these and fail where they are missing, whatever is excluded.
  for (const each of packages)
    folders.push(...each.paths.filter((path) => MANUAL_FOLDER.test(path)).map((path) => path.slice(1)));
  for (const name of folders) addFolder(target, name);
  const own = imageFiles({
    mirror: plan.mirror,
    suite: plan.suite,
    signedBy: SIGNED_BY,
    slim: options.slim === true,
    security: plan.security,
  });
  for (const file of [...dpkgDatabase(packages, options.architecture), ...own]) addFile(target, file);
}

function imageOf(plan: Plan, layer: StoredLayer, options: DebianBaseOptions): BaseImage {
  const { epochSeconds, suite } = plan;
  const { architecture, tool } = options;
  return {
    config: debianImageConfig({
      architecture,
      suite,
      slim: options.slim === true,
      epochSeconds,
      diffId: layer.diffId,
      tool,
    }),
    layer,
    mirror: plan.mirror,
    suite,
    codename: plan.release.codename,
    version: plan.release.version,
    epochSeconds,
    packages: plan.selection.packages.map(({ name, version, architecture: built, sha256, sizeBytes }) => ({
      name,
      version,
      architecture: built,
      sha256,
      sizeBytes,
    })),
    key: plan.key,
  };
}

/** Passes output on, and keeps its end for the message of a failure. */
class OutputTail {
  readonly #onProgress: DebianBaseOptions['onProgress'];
  #kept = '';

  constructor(onProgress: DebianBaseOptions['onProgress']) {
    this.#onProgress = onProgress;
  }

  add(chunk: Uint8Array): void {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    this.#kept = (this.#kept + text).slice(-OUTPUT_TAIL_BYTES);
    this.#onProgress?.({ kind: 'output', text: toText(text) });
  }

  text(): string {
    return toText(this.#kept);
  }

  lastLines(): string {
    return this.text().trimEnd().split('\n').slice(-3).join(' | ');
  }
}

function openFile(path: string): Disposable & { readonly fd: number } {
  const fd = openSync(path, 'r');
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
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
