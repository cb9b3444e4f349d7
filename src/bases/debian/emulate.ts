import { writeSync } from 'node:fs';
import { type ByteString, ShaleError, toText } from '../../base/index.ts';
import { configure, openFile, type OpenFile } from '../configure.ts';
import type { BaseHost, StoredLayer } from '../host.ts';
import { applyLayer } from '../rootfs/apply-layer.ts';
import { layerOfTree } from '../rootfs/layer-of-tree.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode, Tree } from '../rootfs/tree.ts';
import { CONFIGURE_SCRIPT, configureEnvironment } from './configure.ts';
import type { DebianBaseOptions } from './options.ts';
import type { Plan } from './plan.ts';

/** Where the image lies in the root file system of the programs that configure it. */
export const TARGET = 'target';

/** What those programs may change of their own: nothing that anyone would miss. */
const SCRATCH =
  /^(?:tmp|run|dev|proc|sys|root|var\/(?:tmp|log|cache|lib\/(?:systemd|dpkg\/(?:lock|lock-frontend|triggers\/Lock))))(?:\/|$)|^(?:var(?:\/lib(?:\/dpkg(?:\/triggers)?)?)?|)$/;

export interface EmulateRequest {
  /** A base image of this machine's architecture, with the same packages. */
  readonly tools: StoredLayer;
  /** The unpacked image. */
  readonly tree: Tree;
  readonly plan: Plan;
  readonly options: DebianBaseOptions;
  /** An empty folder for files. */
  readonly folder: string;
}

/**
 * Configures an image by the programs of another one: its packages' scripts run beside it and are told where it lies
 * (dpkg's DPKG_ROOT, deb-postinst(5)). Debian's own packages of the minimal system can do that, with the same result.
 * Changes the tree, whose new contents are in the file that is given back.
 * @throws CONFIGURE_FAILED, also when a script changed the system that ran it instead of the image
 */
export async function configureBeside(request: EmulateRequest, host: BaseHost): Promise<OpenFile> {
  const { tools, tree, plan, options, folder } = request;
  const epochNs = BigInt(plan.epochSeconds) * 1_000_000_000n;
  const whole = new Tree(plainInode('directory', 0o755, epochNs));
  using toolsTar = openFile(await host.layers.tarOf(tools));
  applyLayer(whole, toolsTar.fd, { mtimeOf: ({ mtimeNs }) => mtimeNs });
  for (const [path, inode] of tree.entries()) whole.set(path === '' ? TARGET : `${TARGET}/${path}`, inode);
  const rootfsTar = `${folder}/beside.tar`;
  using tar = new TarFileWriter(rootfsTar);
  for await (const chunk of layerOfTree(whole, epochNs))
    for (let at = 0; at < chunk.byteLength;) at += writeSync(tar.fd, chunk, at);
  const changesTar = await configure(host, {
    rootfsTar,
    args: ['/bin/sh', `/${TARGET}/${CONFIGURE_SCRIPT}`],
    env: configureEnvironment(plan.epochSeconds),
    architecture: options.hostArchitecture ?? options.architecture,
    onText: (text) => options.onProgress?.({ kind: 'output', text }),
    signal: options.signal,
  });
  const changes = openFile(changesTar);
  const shipped = new Set([...whole.entries()].map(([, inode]) => inode.mtimeNs));
  const astray: ByteString[] = [];
  applyLayer(tree, changes.fd, {
    mtimeOf: ({ mtimeNs }) => (shipped.has(mtimeNs) ? mtimeNs : epochNs),
    below: {
      folder: TARGET,
      onOther: ({ path, kind }) => {
        if (kind !== 'directory' && !SCRATCH.test(path)) astray.push(path);
      },
    },
  });
  if (astray.length === 0) return changes;
  changes[Symbol.dispose]();
  const shown = astray.slice(0, 5).map((path) => `/${toText(path)}`);
  throw new ShaleError(
    'CONFIGURE_FAILED',
    `scripts of packages changed ${shown.join(', ')} of the system that ran them, instead of the image`,
    {
      data: { paths: astray.map(toText) },
      hint: 'a package among those that were included cannot be configured from outside; use --scripts container',
    },
  );
}
