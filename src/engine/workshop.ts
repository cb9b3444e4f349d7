import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, isSystemError, randomOf, ShaleError, thisOwner, toText } from '../base/index.ts';
import { TREE_KIND } from '../layers/index.ts';
import {
  openMountHost,
  type LostEntries,
  type MountHost,
  type MountHostOptions,
  type TreeStore,
} from '../mounts/index.ts';
import { parseDiffId } from '../oci/index.ts';
import { openRuntime, type Runtime } from '../runtime/index.ts';
import type { Store } from '../store/index.ts';
import { runPath, type EngineContext } from './context.ts';

/** Where containers of one command run: a private mount namespace and a runtime in it. */
export interface Workshop extends AsyncDisposable {
  readonly host: MountHost;
  readonly runtime: Runtime;
}

export interface WorkshopOptions {
  /** Of a container that outlives this command. */
  readonly mountDir?: string;
  /** Hears a sentence of what a layer holds and containers here will lack. */
  readonly warn?: ((message: string) => void) | undefined;
}

const LOST_SHOWN_MAX = 5;

function describeLost({ layer, count, entries }: LostEntries): string {
  const shown = entries.slice(0, LOST_SHOWN_MAX).map(({ path, what }) => `${toText(path)} (${what})`);
  const more = count > shown.length ? ` and ${count - shown.length} more` : '';
  return `without root containers lack what layer ${layer.slice(0, 19)} holds: ${shown.join(', ')}${more}`;
}

/**
 * Opens a mount namespace of its own. What is mounted there is seen by the programs that are started through it, and gone
 * with the last of them. A container that outlives this command is given a folder for its mount points: to remove
 * such a folder, from any namespace, takes the mounts in it away.
 * @throws EPERM where this process may not mount
 */
export async function openWorkshop(context: EngineContext, how: WorkshopOptions = {}): Promise<Workshop> {
  const { options, store } = context;
  const { warn } = how;
  const { pid, startTime } = thisOwner();
  const mountDir = how.mountDir ?? runPath(context, 'mounts', `${pid}-${startTime}-${randomOf(3).toString('hex')}`);
  const host = await mountHost(options.mountRefusal, {
    mountDir,
    probeDir: await store.folder('index'),
    stateDir: options.runRoot,
    driver: options.mountDriver,
    trees: treeStore(store),
    ...(warn !== undefined && { onLost: (lost) => warn(describeLost(lost)) }),
  });
  const runtime = openRuntime({ host, runRoot: options.runRoot });
  return {
    host,
    runtime,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      if (how.mountDir === undefined) rmSync(mountDir, { recursive: true, force: true });
    },
  };
}

export function networkFolder(context: EngineContext): string {
  return join(context.options.runRoot, 'networks');
}

/** Unpacked layers as derived directories of the store. */
function treeStore(store: Store): TreeStore {
  return {
    find: (id) => store.derived.find(TREE_KIND, parseDiffId(id)),
    create: (id) => store.derived.create(TREE_KIND, parseDiffId(id)),
  };
}

/** Where the root filesystem of a container that outlives its command is mounted, in the keeper's namespace. */
export function containerMountDir(context: EngineContext, id: string): string {
  return runPath(context, 'mounts', id);
}

/** @throws NOT_PERMITTED in words that say what would help */
async function mountHost(refusal: ShaleError | undefined, options: MountHostOptions): Promise<MountHost> {
  try {
    return await openMountHost(options);
  } catch (cause) {
    if (!isShaleError(cause, 'EPERM', 'EACCES') && !isSystemError(cause, 'EPERM', 'EACCES')) throw cause;
    const why = refusal === undefined ? '' : `: ${refusal.message}`;
    throw new ShaleError('NOT_PERMITTED', `containers and RUN steps need root or a user namespace${why}`, {
      cause,
      hint: `${refusal?.hint === undefined || refusal.hint === 'shale doctor' ? '' : `${refusal.hint}; `}shale doctor says what is missing, and what works without`,
    });
  }
}
