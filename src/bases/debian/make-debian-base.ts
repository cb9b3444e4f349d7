import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import type { ImageConfig } from '../../oci/index.ts';
import { configure, openFile, type OpenFile } from '../configure.ts';
import type { BaseHost, StoredLayer } from '../host.ts';
import { applyLayer } from '../rootfs/apply-layer.ts';
import { layerOfTree } from '../rootfs/layer-of-tree.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode, Tree } from '../rootfs/tree.ts';
import { checkConfigured, CONFIGURE_SCRIPT, configureEnvironment, configureScript } from './configure.ts';
import { DebReader } from './deb-reader.ts';
import { DPKG_FOLDERS, dpkgDatabase } from './dpkg-database.ts';
import { configureBeside, TARGET } from './emulate.ts';
import { debianImageConfig, isDebianArchitecture } from './image-config.ts';
import { imageFiles } from './image-files.ts';
import { normalise } from './normalise.ts';
import type { DebianBaseOptions } from './options.ts';
import { makePathFilter, SLIM_RULES } from './path-filter.ts';
import { finishOnlyPackages } from './only-packages.ts';
import { isForeign, makePlan, type Plan } from './plan.ts';
import { unpackAll } from './unpack-all.ts';
import { addFile, addFolder } from '../rootfs/own-files.ts';
import type { UnpackedPackage, UnpackOptions } from './unpack.ts';

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

const THREADS_MAX = 4;
const MANUAL_FOLDER = /^\/usr\/share\/man\/man\d$/;
const SIGNED_BY = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Makes a Debian base image from a mirror: verify, resolve, download, unpack, configure, normalise. The same packages
 * and options give the same layer, whatever the machine, folder and hour.
 * @throws ShaleError with the codes of the parts (see BasesErrorCode).
 */
export async function makeDebianBase(options: DebianBaseOptions, host: BaseHost): Promise<BaseImage> {
  if (!isDebianArchitecture(options.architecture)) {
    throw new ShaleError(
      'ARCHITECTURE_NOT_FOUND',
      `Debian has no architecture ${JSON.stringify(options.architecture)}`,
    );
  }
  if (
    options.epochSeconds !== undefined &&
    !(Number.isSafeInteger(options.epochSeconds) && options.epochSeconds >= 0)
  ) {
    throw new ShaleError('EPOCH_INVALID', `the epoch ${options.epochSeconds} is no whole number of seconds since 1970`);
  }
  const plan = await makePlan(options, host);
  const found = await host.layers.find?.(plan.key);
  const layer = found ?? (await makeLayer(plan, options, host));
  if (found === undefined) await host.layers.record?.(plan.key, layer);
  options.onProgress?.({ kind: 'layer', layer });
  return imageOf(plan, layer, options);
}

async function makeLayer(plan: Plan, options: DebianBaseOptions, host: BaseHost): Promise<StoredLayer> {
  await using folder = await host.makeWorkFolder();
  await using reader = new DebReader(options.threads ?? Math.min(THREADS_MAX, availableParallelism()));
  const epochNs = BigInt(plan.epochSeconds) * 1_000_000_000n;
  const rootfsTar = `${folder.path}/unpacked.tar`;
  using tar = new TarFileWriter(rootfsTar);
  const tree = new Tree(plainInode('directory', 0o755, epochNs));
  const slim = options.slim === true;
  const target: UnpackOptions = { tree, tar, mtimeNs: epochNs, isSkipped: makePathFilter(slim ? SLIM_RULES : []) };
  const packages = await unpackAll(plan.selection.packages, options, host, reader, target);
  if (options.packages !== undefined) {
    tar.finish();
    finishOnlyPackages(tree, packages, epochNs);
    return await host.layers.write(layerOfTree(tree, epochNs));
  }
  finishUnpacked(target, plan, options, packages);
  tar.finish();
  // What the scripts wrote stays in this file until the layer is written.
  using _changes = await configureTree(tree, rootfsTar, plan, options, host);
  if (options.scripts !== 'none') checkConfigured(tree, packages);
  // The linker's own program writes it for its own architecture only; without it libraries are found all the same.
  if (isForeign(options)) tree.delete('etc/ld.so.cache');
  normalise(tree, { epochSeconds: plan.epochSeconds, architecture: options.architecture, packages });
  return await host.layers.write(layerOfTree(tree, epochNs));
}

/** Runs the scripts. Changes the tree, whose new contents are in the file that is given back. */
async function configureTree(
  tree: Tree,
  rootfsTar: string,
  plan: Plan,
  options: DebianBaseOptions,
  host: BaseHost,
): Promise<OpenFile | undefined> {
  if (options.scripts === 'none') return undefined;
  if (options.scripts === 'emulate') {
    const tools = await toolsLayer(options, host);
    options.onProgress?.({ kind: 'configuring' });
    return await configureBeside({ tools, tree, plan, options, folder: dirname(rootfsTar) }, host);
  }
  options.onProgress?.({ kind: 'configuring' });
  const epochNs = BigInt(plan.epochSeconds) * 1_000_000_000n;
  const shipped = new Set([...tree.entries()].map(([, inode]) => inode.mtimeNs));
  const changesTar = await configure(host, {
    rootfsTar,
    args: ['/bin/sh', `/${CONFIGURE_SCRIPT}`],
    env: configureEnvironment(plan.epochSeconds),
    architecture: options.architecture,
    onText: (text) => options.onProgress?.({ kind: 'output', text }),
    signal: options.signal,
  });
  const changes = openFile(changesTar);
  // Copies keep the time of what they are copies of; any other time is that of the run, and must not show.
  applyLayer(tree, changes.fd, { mtimeOf: ({ mtimeNs }) => (shipped.has(mtimeNs) ? mtimeNs : epochNs) });
  return changes;
}

/** A base image of this machine's architecture with the same packages: its programs configure the other one. */
async function toolsLayer(options: DebianBaseOptions, host: BaseHost): Promise<StoredLayer> {
  const { hostArchitecture = options.architecture, onProgress, slim: _, ...rest } = options;
  onProgress?.({ kind: 'output', text: `making a base for ${hostArchitecture}, whose programs configure this one\n` });
  const tools = await makeDebianBase({ ...rest, architecture: hostArchitecture, scripts: 'container' }, host);
  return tools.layer;
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
    newer: plan.newer,
    isSnapshot: options.isSnapshot === true,
  });
  if (options.scripts !== 'none') {
    const root = options.scripts === 'emulate' ? `/${TARGET}` : '';
    const script = configureScript({ packages, essential: plan.selection.essential, root });
    own.push({ path: CONFIGURE_SCRIPT, content: Buffer.from(script, 'latin1') });
  }
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
      ...(options.packages !== undefined && { packages: options.packages }),
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
