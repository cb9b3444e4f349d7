import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteStream } from '../base/index.ts';
import type { VertexId } from '../graph/index.ts';
import type { Layers, LayerWriter } from '../layers/index.ts';
import type { DiffId } from '../oci/index.ts';
import type { Resources } from '../runtime/index.ts';
import { FORMAT_VERSION } from './format-version.ts';
import type { BuildContexts } from './context/contexts.ts';
import type { Sources } from './sources/sources.ts';
import type { CopySourceTree } from './copy/select.ts';
import type { SourceNode } from './copy/source-tree.ts';
import { openStackTree } from './copy/stack-tree.ts';
import type { FailedStep } from './failed-step.ts';
import { chainOf } from './result.ts';
import type { Provisions } from './exec/provisions.ts';
import type { StepClock } from './exec/clock.ts';
import type { StepRunner } from './exec/step-runner.ts';
import type { StepTraffic } from './exec/traffic.ts';

export interface SessionOptions {
  readonly layers: Layers;
  readonly contexts: BuildContexts;
  /** What comes from the network. */
  readonly sources: Sources;
  /** The moment that the build pretends to be at, in seconds since 1970. */
  readonly epochSeconds: number;
  /** Keeps what package managers leave behind instead of what the layer below had. */
  readonly keepNoise: boolean;
  readonly provisions: Provisions;
  /** Limits of the cgroup of each step. */
  readonly resources: Resources;
  /** The cgroup that theirs are made in. */
  readonly cgroupParent: string | undefined;
  /** Makes a private folder that is gone when it is disposed. */
  readonly makeFolder: () => Promise<AsyncDisposable & { readonly path: string }>;
  /** What steps get for a network where all that they fetch is to be known; undefined for the build's own. */
  readonly traffic?: StepTraffic | undefined;
  /** See `StepClock`. */
  readonly clock?: StepClock | undefined;
  /** Runs the containers of RUN; opened when the first one is needed. */
  readonly openRunner: () => Promise<StepRunner>;
  readonly signal: AbortSignal;
  /** Called for a step that failed, before the build ends of it. */
  readonly onFailedStep?: (step: FailedStep) => Promise<void>;
}

/** What the operations of one build share. Everything is made when it is first asked for, once. */
export class BuildSession implements AsyncDisposable {
  readonly layers: Layers;
  readonly contexts: BuildContexts;
  readonly sources: Sources;
  readonly epochNs: bigint;
  readonly keepNoise: boolean;
  readonly provisions: Provisions;
  readonly resources: Resources;
  readonly cgroupParent: string | undefined;
  readonly traffic: StepTraffic | undefined;
  readonly clock: StepClock | undefined;
  readonly onFailedStep: SessionOptions['onFailedStep'];
  /** Aborted when the whole build is to end. */
  readonly signal: AbortSignal;
  #hasFailed = false;
  readonly #options: SessionOptions;
  readonly #drafts = new Map<VertexId, LayerWriter>();
  readonly #memos = new Map<string, Promise<unknown>>();
  #runner: Promise<StepRunner> | undefined;
  #spools = 0;
  #folder: Promise<AsyncDisposable & { readonly path: string }> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.layers = options.layers;
    this.contexts = options.contexts;
    this.sources = options.sources;
    this.keepNoise = options.keepNoise;
    this.provisions = options.provisions;
    this.resources = options.resources;
    this.cgroupParent = options.cgroupParent;
    this.traffic = options.traffic;
    this.clock = options.clock;
    this.onFailedStep = options.onFailedStep;
    this.signal = options.signal;
    this.epochNs = BigInt(options.epochSeconds) * 1_000_000_000n;
  }

  /** Inputs that every step has: they decide how a layer is normalised. */
  commonInputs(): [string, string][] {
    return [
      ['epoch', String(this.#options.epochSeconds)],
      ['format', FORMAT_VERSION],
    ];
  }

  /** True when it is asked for the first time. */
  isFirstFailure(): boolean {
    const isFirst = !this.#hasFailed;
    this.#hasFailed = true;
    return isFirst;
  }

  /** Modification times later than the epoch become the epoch. */
  clamp(mtimeNs: bigint): bigint {
    return mtimeNs > this.epochNs ? this.epochNs : mtimeNs;
  }

  /** The tree of a root filesystem; undefined for an empty one. */
  rootTree(stack: readonly DiffId[]): Promise<SourceNode | undefined> {
    if (stack.length === 0) return Promise.resolve(undefined);
    return this.memoize(`tree ${chainOf(stack)}`, async () => openStackTree(await this.layers.stack(stack)));
  }

  contextTree(name: string): Promise<CopySourceTree> {
    return this.memoize(`context ${name}`, () => this.contexts.open(name));
  }

  runner(): Promise<StepRunner> {
    this.#runner ??= this.#options.openRunner();
    return this.#runner;
  }

  /** Keeps a layer that was written before it is known whether its step has to run. */
  keepDraft(vertex: VertexId, draft: LayerWriter): void {
    this.#drafts.set(vertex, draft);
  }

  /** Hands over the layer that was kept for a step; one that nobody takes goes with the build. */
  takeDraft(vertex: VertexId): LayerWriter | undefined {
    const draft = this.#drafts.get(vertex);
    this.#drafts.delete(vertex);
    return draft;
  }

  /** Does the work for a key once. `T` belongs to the key: equal keys are asked for with equal types. */
  memoize<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#memos.get(key);
    if (known !== undefined) return known as Promise<T>; // Keys name the kind of thing first, so the type is right.
    const made = work();
    this.#memos.set(key, made);
    return made;
  }

  /** Writes a stream to a private file that is gone when the build ends. */
  readonly spool = async (bytes: ByteStream): Promise<string> => {
    this.#folder ??= this.#options.makeFolder();
    const path = join((await this.#folder).path, String(this.#spools++));
    await using file = await open(path, 'wx', 0o600);
    for await (const chunk of bytes) await file.writeFile(chunk);
    return path;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const draft of this.#drafts.values()) await draft[Symbol.asyncDispose]();
    await (await this.#folder)?.[Symbol.asyncDispose]();
    const runner = await this.#runner?.catch(() => undefined);
    await runner?.[Symbol.asyncDispose]();
  }
}
