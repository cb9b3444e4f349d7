import { type ByteString, mapPool, ShaleError } from '../../base/index.ts';
import type { ImageConfig } from '../../oci/index.ts';
import { configure, openFile, type OpenFile } from '../configure.ts';
import { redact } from '../fetch.ts';
import type { BaseHost, StoredLayer } from '../host.ts';
import { applyLayer } from '../rootfs/apply-layer.ts';
import { setFolderTimes } from '../rootfs/folder-times.ts';
import { layerOfTree } from '../rootfs/layer-of-tree.ts';
import { addFolder, putFile, type Rootfs } from '../rootfs/own-files.ts';
import { clampShadowFiles } from '../rootfs/rewrite-file.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode, Tree } from '../rootfs/tree.ts';
import { apkDatabase } from './apk-database.ts';
import { openApk } from './apk-reader.ts';
import { alpinePlatform } from './architectures.ts';
import { formatDependency } from './dependency.ts';
import type { AlpineBaseOptions } from './options.ts';
import { ownerResolver, settleOwners } from './owners.ts';
import { type AlpinePlan, planAlpine } from './plan.ts';
import { fetchApk } from './repository.ts';
import { addScripts, DRIVER, scriptEnvironment, SCRIPTS_FOLDER } from './scripts.ts';
import { ApkUnpacker, type InstalledPackage } from './unpack.ts';

/** A finished base image: its layer is stored, its config is to be stored by the caller. */
export interface AlpineBase {
  readonly config: ImageConfig;
  readonly layer: StoredLayer;
  readonly epochSeconds: number;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly checksum: string }[];
  /** Fingerprints of the keys by which the indexes were signed. */
  readonly signedBy: readonly string[];
  /** Names everything that the layer is a function of; equal keys mean equal layers. */
  readonly key: string;
}

const FETCHES_MAX = 8;
/** Folders that stay, while what is in them belongs to a running machine or is a cache. */
const EMPTIED = ['dev', 'proc', 'sys', 'tmp', 'run', 'var/tmp', 'var/cache/apk', SCRIPTS_FOLDER];

/**
 * Makes an Alpine base image from package repositories: verify, resolve, download, unpack, run the scripts, write apk's
 * database, normalise. The same packages and options give the same layer, whatever the machine, folder and hour.
 * @throws ShaleError with the codes of the parts (see BasesErrorCode).
 */
export async function makeAlpineBase(options: AlpineBaseOptions, host: BaseHost): Promise<AlpineBase> {
  const platform = alpinePlatform(options.architecture);
  if (platform === undefined)
    throw new ShaleError(
      'ARCHITECTURE_NOT_FOUND',
      `Alpine has no architecture ${JSON.stringify(options.architecture)}`,
    );
  const epoch = options.epochSeconds;
  if (epoch !== undefined && !(Number.isSafeInteger(epoch) && epoch >= 0))
    throw new ShaleError('EPOCH_INVALID', `the epoch ${epoch} is no whole number of seconds since 1970`);
  const plan = await planAlpine(options, host);
  const found = await host.layers.find?.(plan.key);
  const layer = found ?? (await makeLayer(plan, options, host));
  if (found === undefined) await host.layers.record?.(plan.key, layer);
  options.onProgress?.({ kind: 'layer', layer });
  return {
    config: imageConfig(plan, options, layer, platform),
    layer,
    epochSeconds: plan.epochSeconds,
    packages: plan.packages.map(({ name, version, checksum }) => ({ name, version, checksum })),
    signedBy: plan.signedBy.map(({ fingerprint }) => fingerprint),
    key: plan.key,
  };
}

async function makeLayer(plan: AlpinePlan, options: AlpineBaseOptions, host: BaseHost): Promise<StoredLayer> {
  await using folder = await host.makeWorkFolder();
  const epochNs = BigInt(plan.epochSeconds) * 1_000_000_000n;
  const rootfsTar = `${folder.path}/unpacked.tar`;
  using tar = new TarFileWriter(rootfsTar);
  const rootfs: Rootfs = { tree: new Tree(plainInode('directory', 0o755, epochNs)), tar, mtimeNs: epochNs };
  const { tree } = rootfs;
  // As apk makes it before anything is installed; packages only narrow it.
  tree.set('proc', plainInode('directory', 0o555, epochNs));
  tar.startEntry('proc', plainInode('directory', 0o555, epochNs), 0);
  const packages = await unpackAll(plan, options, host, rootfs);
  const runs = options.scripts === 'container' && addScripts(rootfs, packages);
  for (const name of ['dev', 'sys', 'var/cache/apk']) addFolder(rootfs, name);
  tar.finish();
  using changes = runs ? await runScripts(plan, options, host, rootfsTar) : undefined;
  if (changes !== undefined) {
    const shipped = new Set([...tree.entries()].map(([, inode]) => inode.mtimeNs));
    // Copies keep the time of what they are copies of; any other time is that of the run, and must not show.
    applyLayer(tree, changes.fd, { mtimeOf: ({ mtimeNs }) => (shipped.has(mtimeNs) ? mtimeNs : epochNs) });
  }
  finish(tree, plan, options, packages);
  return await host.layers.write(layerOfTree(tree, epochNs));
}

/** Downloads several packages at once, and unpacks them in their order. */
async function unpackAll(
  plan: AlpinePlan,
  options: AlpineBaseOptions,
  host: BaseHost,
  rootfs: Rootfs,
): Promise<InstalledPackage[]> {
  const { architecture, signal } = options;
  // apk does not even fetch what installs nothing.
  const fetched = plan.packages.filter((each) => each.installedBytes > 0);
  const paths = new Map<string, string>();
  await mapPool(fetched, FETCHES_MAX, async (each) => {
    paths.set(each.name, await fetchApk(host, each, plan.repositories, { architecture, signal }));
  });
  const unpacker = new ApkUnpacker(rootfs);
  const installed: InstalledPackage[] = [];
  for (const [index, each] of plan.packages.entries()) {
    signal?.throwIfAborted();
    const path = paths.get(each.name);
    installed.push(path === undefined ? emptyPackage(each) : await unpacker.add(each, await openApk(path, each)));
    options.onProgress?.({ kind: 'unpacked', name: each.name, done: index + 1, total: plan.packages.length });
  }
  return installed;
}

function emptyPackage(each: InstalledPackage['package']): InstalledPackage {
  return { package: each, scripts: new Map(), replaces: [], replacesPriority: 0, triggers: [], folders: new Map() };
}

async function runScripts(
  plan: AlpinePlan,
  options: AlpineBaseOptions,
  host: BaseHost,
  rootfsTar: string,
): Promise<OpenFile> {
  options.onProgress?.({ kind: 'configuring' });
  const changesTar = await configure(host, {
    rootfsTar,
    args: ['/bin/sh', `/${DRIVER}`],
    env: scriptEnvironment(plan.epochSeconds),
    architecture: options.architecture,
    onText: (text) => options.onProgress?.({ kind: 'output', text }),
    signal: options.signal,
  });
  return openFile(changesTar);
}

/** Owners by name, apk's database, and nothing of the machine or the hour. */
function finish(tree: Tree, plan: AlpinePlan, options: AlpineBaseOptions, packages: readonly InstalledPackage[]): void {
  const { repositories, world, ownKeys: keys, epochSeconds } = plan;
  const mtimeNs = BigInt(epochSeconds) * 1_000_000_000n;
  const resolve = ownerResolver(tree);
  settleOwners(tree, packages, resolve);
  const shipped = shippedPaths(tree, packages);
  for (const folder of EMPTIED)
    for (const [path] of tree.entries()) if (path.startsWith(`${folder}/`) && !shipped.has(path)) tree.delete(path);
  const { architecture } = options;
  for (const file of apkDatabase({ packages, world, architecture, repositories, keys, resolve }))
    if (!shipped.has(file.path)) putFile(tree, file, mtimeNs);
  clampShadowFiles(tree, epochSeconds);
  setFolderTimes(tree, mtimeNs);
}

function shippedPaths(tree: Tree, packages: readonly InstalledPackage[]): ReadonlySet<ByteString> {
  const paths = new Set<ByteString>();
  for (const { folders } of packages) {
    for (const [folder, { files }] of folders) {
      paths.add(tree.resolve(folder, { followLast: true }));
      for (const name of files.keys()) paths.add(tree.resolve(`${folder}/${name}`, { followLast: false }));
    }
  }
  return paths;
}

/** The config of an Alpine base image, as the official ones have it, and how it was made. */
function imageConfig(
  plan: AlpinePlan,
  options: AlpineBaseOptions,
  layer: StoredLayer,
  platform: Pick<ImageConfig, 'architecture' | 'variant'>,
): ImageConfig {
  const { epochSeconds, world, repositories, packages } = plan;
  const created = new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
  const from = repositories.map(({ url }) => redact(url)).filter((url) => !url.startsWith('file:'));
  const asked = world.map((each) => formatDependency(each, { tag: true })).join(' ');
  const made = `# alpine --arch '${options.architecture}' '@${epochSeconds}' ${from.join(' ')}: ${asked}`;
  const hasShell = packages.some((each) => each.provides.some(({ name }) => name === '/bin/sh'));
  return {
    ...platform,
    os: 'linux',
    created,
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(hasShell && { Cmd: ['/bin/sh'] }),
    },
    diffIds: [layer.diffId],
    history: [{ created, createdBy: made, comment: options.tool }],
  };
}
