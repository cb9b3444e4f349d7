import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { mapPool, ShaleError, SingleFlight } from '../base/index.ts';
import type { LostEntry, MountHostOptions, MountLayer, TreeStore } from './types.ts';
import type { WireError } from './protocol.ts';
import { fromWire } from './wire-errors.ts';

/** Layers that are unpacked at once: two keep a disk and two cores busy. */
const UNPACKS_MAX = 2;

/** What a thread is told to unpack. */
export interface UnpackOrder {
  readonly layer: MountLayer;
  readonly directory: string;
  readonly xattrFamily: 'trusted' | 'user';
}

export type UnpackAnswer =
  | { readonly kind: 'done'; readonly lostCount: number; readonly lost: readonly LostEntry[] }
  | { readonly kind: 'failed'; readonly error: WireError };

/** Unpacks layers in threads, so that neither main nor the mounting thread stands still; each layer once. */
export class Unpackers {
  readonly #trees: TreeStore;
  readonly #xattrFamily: 'trusted' | 'user';
  readonly #onLost: MountHostOptions['onLost'];
  readonly #underWay = new SingleFlight<string, string>();
  readonly #idle: Worker[] = [];

  /** Undefined where there is no place for trees. */
  static of(options: MountHostOptions, userXattrs: boolean): Unpackers | undefined {
    return options.trees === undefined ? undefined : new Unpackers(options.trees, userXattrs, options.onLost);
  }

  private constructor(trees: TreeStore, userXattrs: boolean, onLost: MountHostOptions['onLost']) {
    this.#trees = trees;
    this.#xattrFamily = userXattrs ? 'user' : 'trusted';
    this.#onLost = onLost;
  }

  /** The directory of each layer, unpacked where that was not done before. */
  async directories(layers: readonly MountLayer[]): Promise<readonly string[]> {
    return await mapPool(layers, UNPACKS_MAX, (layer) => {
      return this.#underWay.run(layer.id, async () => {
        return (await this.#trees.find(layer.id)) ?? (await this.#unpack(layer));
      });
    });
  }

  async close(): Promise<void> {
    for (const worker of this.#idle.splice(0)) await worker.terminate();
  }

  async #unpack(layer: MountLayer): Promise<string> {
    await using draft = await this.#trees.create(layer.id);
    const worker =
      this.#idle.pop() ?? new Worker(unpackWorkerFile(), { name: 'shale unpack', argv: [], trackUnmanagedFds: false });
    const answer = await order(worker, { layer, directory: draft.path, xattrFamily: this.#xattrFamily });
    this.#idle.push(worker);
    if (answer.kind === 'failed') {
      const { message, data } = answer.error;
      throw fromWire({
        ...answer.error,
        message: `unpack layer ${layer.id}: ${message}`,
        data: { ...data, layer: layer.id },
      });
    }
    if (answer.lostCount > 0) {
      this.#onLost?.({ layer: layer.id, count: answer.lostCount, entries: answer.lost });
    }
    return await draft.commit();
  }
}

async function order(worker: Worker, what: UnpackOrder): Promise<UnpackAnswer> {
  worker.ref();
  try {
    return await new Promise((resolve, reject) => {
      worker.removeAllListeners();
      worker.once('message', resolve).once('error', reject);
      worker.once('exit', () => reject(new ShaleError('MOUNT_HOST', 'the unpacking thread has ended')));
      worker.postMessage(what);
    });
  } finally {
    worker.unref();
  }
}

function unpackWorkerFile(): URL {
  const candidates = ['./unpack-worker.ts', './unpack-worker.js', '../unpack-worker.js'];
  const found = candidates.map((name) => new URL(name, import.meta.url)).find((url) => existsSync(url));
  if (found === undefined) throw new ShaleError('MOUNT_HOST', 'the unpacking thread is not part of this build');
  return found;
}
