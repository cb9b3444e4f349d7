import { messageOf, ShaleError } from '../base/index.ts';
import { CONCURRENCY, type StepRunner } from '../build/index.ts';
import type { ResolvedImage } from '../dockerfile/index.ts';
import type { ProgressEvent } from '../graph/index.ts';
import { formatPlatform, platformMatches, type ImageConfig, type Platform } from '../oci/index.ts';
import { shareWork } from '../solver/index.ts';
import { buildOne, tidying, type Together } from './builds.ts';
import type { EngineContext } from './context.ts';
import type { BakeOutcome, BakeTarget, Watch } from './types.ts';

/**
 * `shale bake`. Every target is a build of its own, with its own record, and all run at the same time; a target that another
 * one has as a context comes first. Which of them carries out a step that several need is decided when it is needed, by its
 * key: that of files and commands, not of names.
 * @throws BAKE_CIRCULAR, BAKE_PLATFORM, and what the first target that fails throws, once the others have ended
 */
export async function bake(
  context: EngineContext,
  targets: readonly BakeTarget[],
  watch: Watch,
): Promise<readonly BakeOutcome[]> {
  return tidying(context, watch, async () => {
    const baked = await bakeAll(context, targets, watch);
    watch.progress?.({ kind: 'finished', time: context.options.now() });
    const ranSteps = baked.some((one) => one.ranSteps);
    return { ranSteps, outcome: baked.map(({ configs: _configs, ranSteps: _ran, ...outcome }) => outcome) };
  });
}

async function bakeAll(context: EngineContext, targets: readonly BakeTarget[], watch: Watch): Promise<Baked[]> {
  const cancel = new AbortController();
  const abort = (): void => cancel.abort(watch.signal.reason);
  watch.signal.addEventListener('abort', abort);
  try {
    watch.signal.throwIfAborted();
    await using kitchen = new Kitchen(context, targets, { ...watch, signal: cancel.signal });
    const builds = targets.map(({ name }) =>
      kitchen.build(name).catch((error: unknown) => {
        cancel.abort(error);
        throw error;
      }),
    );
    const settled = await Promise.allSettled(builds);
    return settled.map((one) => {
      // Those that were cancelled because of another one's failure are not what people must hear.
      if (one.status === 'rejected') throw cancel.signal.reason ?? one.reason;
      return one.value;
    });
  } finally {
    watch.signal.removeEventListener('abort', abort);
  }
}

type Baked = BakeOutcome & { readonly configs: readonly ImageConfig[]; readonly ranSteps: boolean };

/** What the targets of one bake have in common. */
class Kitchen implements AsyncDisposable {
  readonly #context: EngineContext;
  readonly #targets: ReadonlyMap<string, BakeTarget>;
  readonly #watch: Watch;
  readonly #builds = new Map<string, Promise<Baked>>();
  readonly #done = new Map<string, Baked>();
  readonly #images = new Map<string, Promise<ResolvedImage>>();
  readonly #together: Omit<Together, 'name'>;
  #hasFailed = false;
  #runner: Promise<StepRunner> | undefined;

  constructor(context: EngineContext, targets: readonly BakeTarget[], watch: Watch) {
    this.#context = context;
    this.#targets = new Map(targets.map((target) => [target.name, target]));
    this.#watch = watch;
    refuseCircles(this.#targets);
    this.#together = {
      shared: shareWork(CONCURRENCY),
      openTrees: new Map(),
      openRunner: () => this.#openRunner(),
      resolveOnce: (key, resolve) => this.#resolveOnce(key, resolve),
      imageOf: (target, platform) => this.#imageOf(target, platform),
    };
  }

  build(name: string): Promise<Baked> {
    const known = this.#builds.get(name);
    if (known !== undefined) return known;
    const started = this.#start(name);
    this.#builds.set(name, started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const runner = await this.#runner?.catch(() => undefined);
    await runner?.[Symbol.asyncDispose]();
  }

  async #start(name: string): Promise<Baked> {
    const target = this.#targets.get(name);
    if (target === undefined)
      throw new ShaleError('BAKE_TARGET_NOT_FOUND', `there is no target ${name}`, { data: { name } });
    await Promise.all(linksOf(target).map((link) => this.build(link)));
    this.#watch.signal.throwIfAborted();
    const watch = this.#watchOf(name);
    try {
      const result = {
        ...(await buildOne(this.#context, target.request, watch, { together: { ...this.#together, name } })),
        name,
      };
      this.#done.set(name, result);
      return result;
    } catch (error) {
      throw error instanceof ShaleError && this.#targets.size > 1 ? withTarget(name, error) : error;
    }
  }

  /** What one target tells, among what others do; of steps that fail the first one is looked into. */
  #watchOf(name: string): Watch {
    const { signal, progress, onFailedStep } = this.#watch;
    const isAlone = this.#targets.size === 1;
    const told = (event: ProgressEvent, tell: NonNullable<Watch['progress']>): void => {
      // All of them end together.
      if (event.kind !== 'finished') tell(isAlone ? event : namedEvent(name, event));
    };
    const isFirst = (): boolean => !this.#hasFailed && (this.#hasFailed = true);
    return {
      signal,
      ...(progress !== undefined && { progress: (event) => told(event, progress) }),
      ...(onFailedStep !== undefined && {
        onFailedStep: async (step) => {
          if (!isFirst()) return;
          const shown = isAlone ? {} : { id: `${name}/${step.id}`, name: nameIn(name, step.name) };
          await onFailedStep({ ...step, ...shown });
        },
      }),
    };
  }

  /** One for all, opened when a step needs it and closed at the end of all. */
  async #openRunner(): Promise<StepRunner> {
    const warn = (message: string): void =>
      this.#watch.progress?.({ kind: 'warning', message, time: this.#context.options.now() });
    this.#runner ??= import('./step-runner.ts').then(({ openRunner }) => openRunner(this.#context, warn));
    const runner = await this.#runner;
    return {
      run: (request) => runner.run(request),
      enter: (place) => runner.enter(place),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  #resolveOnce(key: string, resolve: () => Promise<ResolvedImage>): Promise<ResolvedImage> {
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    const resolved = resolve();
    this.#images.set(key, resolved);
    return resolved;
  }

  #imageOf(target: string, platform: Platform): ResolvedImage {
    const configs = this.#done.get(target)?.configs ?? [];
    const config = configs.find((one) => platformMatches(platform, one));
    if (config !== undefined) return { config };
    const built = configs.map((one) => formatPlatform(one)).join(', ');
    throw new ShaleError(
      'BAKE_PLATFORM',
      `the target ${target} is needed for ${formatPlatform(platform)}, and built for ${built}`,
      {
        data: { target },
        hint: `give ${target} the platform too`,
      },
    );
  }
}

function linksOf({ request }: BakeTarget): string[] {
  return Object.values(request.buildContexts ?? {}).flatMap((source) =>
    source.kind === 'target' ? [source.target] : [],
  );
}

/** @throws BAKE_CIRCULAR: targets that wait for each other would wait for ever. */
function refuseCircles(targets: ReadonlyMap<string, BakeTarget>): void {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name))
      throw new ShaleError('BAKE_CIRCULAR', `the contexts of targets lead in a circle: ${[...path, name].join(' → ')}`);
    const target = targets.get(name);
    if (target === undefined || done.has(name)) return;
    for (const link of linksOf(target)) visit(link, [...path, name]);
    done.add(name);
  };
  for (const name of targets.keys()) visit(name, []);
}

/** An event of one target among those of others: `[app 2/5] RUN make`, as buildx shows them. */
function namedEvent(target: string, event: ProgressEvent): ProgressEvent {
  switch (event.kind) {
    case 'warning':
      return { ...event, message: `${target}: ${event.message}` };
    case 'finding':
    case 'finished':
      return event;
    case 'vertex-started': {
      return { ...event, id: `${target}/${event.id}`, name: nameIn(target, event.name) };
    }
    default:
      return { ...event, id: `${target}/${event.id}` };
  }
}

function nameIn(target: string, name: string): string {
  const isPlaced = name.startsWith('[') && !name.startsWith('[internal]') && !name.startsWith('[context');
  return isPlaced ? `[${target} ${name.slice(1)}` : `[${target}] ${name}`;
}

/** Says which target it was. */
function withTarget(target: string, error: ShaleError): ShaleError {
  return new ShaleError(error.code, `target ${target}: ${messageOf(error)}`, {
    data: { ...error.data, target },
    cause: error.cause ?? error,
    ...(error.hint !== undefined && { hint: error.hint }),
  });
}
