import { spawnSync } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fromText, toText } from '../../src/base/index.ts';
import type { ViewNode } from '../../src/erofs/index.ts';
import {
  openEngine,
  type BuildOutcome,
  type BuildRequest,
  type Engine,
  type EngineOptions,
  type ProgressEvent,
} from '../../src/engine/index.ts';
import { Layers, type Stack } from '../../src/layers/index.ts';
import { parseDiffId } from '../../src/oci/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { walk } from './tree-text.ts';

/** The material beside the checkout. */
export const SHARED: string = process.env['SHALE_SHARED'] ?? resolve(import.meta.dirname, '../../../shared');

/** Why containers cannot run here; false where they can. */
export const cannotRun: string | false =
  process.getuid?.() !== 0
    ? 'needs root'
    : spawnSync('runc', ['--version']).status === 0
      ? false
      : 'runc is not installed';

/** The path of shared material, or why a test that needs it is skipped. */
export function shared(path: string): { readonly path: string; readonly missing: string | false } {
  const full = join(SHARED, path);
  return { path: full, missing: existsSync(full) ? false : `${path} is not there (set SHALE_SHARED)` };
}

export const BUSYBOX: ReturnType<typeof shared> = shared('fixtures/busybox-rootfs.tar.gz');
export const ALPINE: ReturnType<typeof shared> = shared('fixtures/alpine-minirootfs-3.20.3-x86_64.tar.gz');
export const SEARCH_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** `context` replaces the folder. */
export type BuildHow = Partial<BuildRequest> & {
  readonly signal?: AbortSignal;
  readonly progress?: (event: ProgressEvent) => void;
};

/** What one build gave, and what it told on the way. */
export interface Built extends BuildOutcome {
  readonly events: readonly ProgressEvent[];
  /** What the steps wrote, both streams, in the order in which it came. */
  readonly log: string;
  /** Names of the steps, with how each was answered. */
  readonly steps: readonly { readonly name: string; readonly cached: boolean }[];
}

/** A store of its own in a folder of its own, with an engine; disposing it removes everything. */
export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly engine: Engine;
  readonly store: Store;
  readonly #layers: Layers;
  readonly #owns: boolean;

  static async open(options: Partial<EngineOptions> = {}): Promise<Lab> {
    return Lab.#openIn(mkdtempSync(join(tmpdir(), 'shale-lab-')), options, true);
  }

  static async #openIn(folder: string, options: Partial<EngineOptions>, owns: boolean): Promise<Lab> {
    const home = join(folder, 'home');
    const runRoot = join(folder, 'run');
    const engine = await openEngine({ home, runRoot, now: Date.now, env: {}, insecureRegistries: [], ...options });
    const store = await openStore({ root: home, runRoot, clock: Date.now });
    return new Lab(folder, engine, store, owns);
  }

  private constructor(folder: string, engine: Engine, store: Store, owns: boolean) {
    this.folder = folder;
    this.engine = engine;
    this.store = store;
    this.#layers = new Layers(store);
    this.#owns = owns;
  }

  /** The same store as the next command finds it: nothing is remembered. Disposing it removes nothing. */
  async again(options: Partial<EngineOptions> = {}): Promise<Lab> {
    return Lab.#openIn(this.folder, options, false);
  }

  get home(): string {
    return join(this.folder, 'home');
  }

  get runRoot(): string {
    return join(this.folder, 'run');
  }

  /** Makes the base of most tests: static busybox under its familiar name. */
  async importBusybox(tag = 'busybox:latest'): Promise<string> {
    return this.importRootfs(BUSYBOX.path, tag, ['CMD ["sh"]', `ENV ${SEARCH_PATH}`]);
  }

  async importRootfs(archive: string, tag: string, changes: readonly string[] = []): Promise<string> {
    const tar = createReadStream(archive);
    const { imageId } = await this.engine.importImage(tar, { tag, changes }, { signal: AbortSignal.timeout(60_000) });
    return imageId;
  }

  /** An empty folder below the lab's. */
  newFolder(): string {
    return mkdtempSync(join(this.folder, 'context-'));
  }

  /** Writes the files of a context and gives its folder. */
  context(files: Readonly<Record<string, string | Uint8Array>>): string {
    const folder = this.newFolder();
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  }

  /** Builds a folder, or a Dockerfile with nothing beside it. */
  async build(what: string | { readonly dockerfile: string }, how: BuildHow = {}): Promise<Built> {
    const path = typeof what === 'string' ? what : this.context({ Dockerfile: what.dockerfile });
    return buildWith(this.engine, path, how);
  }

  /** The layers of an image, lowest first. */
  async stack(imageId: string): Promise<Stack> {
    const inspected = await this.engine.inspect(imageId, 'image');
    const { Layers: diffIds } = inspected['RootFS'] as { readonly Layers: readonly string[] }; // Docker's shape.
    return this.#layers.stack(diffIds.map(parseDiffId));
  }

  /** Docker's JSON of an image's container config. */
  async config(imageId: string): Promise<Readonly<Record<string, unknown>>> {
    return (await this.engine.inspect(imageId, 'image'))['Config'] as Record<string, unknown>; // Docker's shape.
  }

  /** Every path of an image but the root, with what is there. */
  async tree(imageId: string): Promise<Map<string, ViewNode>> {
    const tree = new Map<string, ViewNode>();
    walk((await this.stack(imageId)).view.root, (path, node) => tree.set(toText(path), node));
    return tree;
  }

  /** The bytes of a file of an image. */
  async read(imageId: string, path: string): Promise<Buffer> {
    const stack = await this.stack(imageId);
    const { node } = stack.view.resolve(fromText(path), { followLast: true });
    if (node === undefined) throw new Error(`${path} is not in the image`);
    const { path: file, offset, sizeBytes } = stack.locate(node);
    return readRegion(file, offset, sizeBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    this.store.leave();
    if (this.#owns) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Builds a folder with an engine, collecting what it tells. */
export async function buildWith(engine: Engine, path: string, how: BuildHow = {}): Promise<Built> {
  const { signal, progress, ...request } = how;
  const told = new Told(progress);
  const outcome = await engine.build(
    {
      context: { kind: 'directory', path },
      tags: [],
      buildArgs: {},
      labels: {},
      network: 'none',
      noCache: false,
      pull: false,
      keepNoise: false,
      ...request,
    },
    { signal: signal ?? AbortSignal.timeout(120_000), progress: told.take },
  );
  return { ...outcome, events: told.events, log: told.log, steps: told.steps };
}

/** What a build told so far. */
export class Told {
  readonly events: ProgressEvent[] = [];
  readonly #also: ((event: ProgressEvent) => void) | undefined;

  constructor(also?: (event: ProgressEvent) => void) {
    this.#also = also;
  }

  readonly take = (event: ProgressEvent): void => {
    this.events.push(event);
    this.#also?.(event);
  };

  get log(): string {
    return this.events.map((event) => (event.kind === 'vertex-log' ? Buffer.from(event.data).toString() : '')).join('');
  }

  get steps(): { name: string; cached: boolean }[] {
    const names = new Map<string, string>();
    const steps: { name: string; cached: boolean }[] = [];
    for (const event of this.events) {
      if (event.kind === 'vertex-started') names.set(event.id, event.name);
      if (event.kind === 'vertex-done') steps.push({ name: names.get(event.id) ?? '', cached: event.cached });
    }
    return steps;
  }
}

function readRegion(path: string, offset: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  const fd = openSync(path, 'r');
  try {
    for (let done = 0; done < sizeBytes;) {
      const got = readSync(fd, bytes, done, sizeBytes - done, offset + done);
      if (got === 0) throw new Error(`${path} ends early`);
      done += got;
    }
  } finally {
    closeSync(fd);
  }
  return bytes;
}
