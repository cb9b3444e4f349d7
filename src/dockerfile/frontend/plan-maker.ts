import { invariant } from '../../base/index.ts';
import { GraphBuilder, type VertexId } from '../../graph/index.ts';
import type { ContainerConfig } from '../../oci/index.ts';
import { diagnosticAt, Refusal, type Diagnostic } from '../syntax/diagnostics.ts';
import { textsOf } from '../syntax/source.ts';
import { cleanPath } from '../syntax/ignore.ts';
import { openSquash } from './squash.ts';
import { applyInstruction } from './apply.ts';
import { buildArg, builderArgsOf, isPredefinedArg } from './arguments.ts';
import { addImage, EPOCH_DEFAULT, imageKey, isEmptyImage, type Bases } from './bases.ts';
import { descriptionIn } from './description.ts';
import { Environment, splitVariable } from './environment.ts';
import { resolveWorkdir } from './metadata.ts';
import type { BaseImage, BuildPlan, PlannedConfig, PlannedHistory, PlannedStage, PlanOptions } from './plan.ts';
import { ignoredSources } from './ignored.ts';
import { HISTORY_COMMENT, nextSlot, originOf, stepName, surroundingsOf, type Planning } from './scene.ts';
import {
  derivedState,
  historyList,
  stageLabel,
  type HistoryChain,
  type ImageSource,
  type Stage,
  type StageSource,
  type StageState,
} from './stage.ts';
import type { Trace } from './trace.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PLAN_WARNING = { severity: 'warning', phase: 'plan' } as const;

/** A plan before the build checks have looked at it. */
export type PlannedBuild = Omit<BuildPlan, 'findings' | 'findingsAreErrors'>;

/** Carries stages into the graph, one by one in the order of the file, and gathers what the plan says. */
export class PlanMaker implements Planning {
  readonly options: PlanOptions;
  readonly builder: GraphBuilder = new GraphBuilder();
  readonly globals: Environment;
  readonly stages: readonly Stage[];
  readonly declaredArgs: Set<string>;
  readonly baseImages: Map<VertexId, BaseImage> = new Map();
  readonly warnings: Diagnostic[] = [];
  readonly epoch: number;
  readonly ignored: ((path: string) => boolean) | undefined;
  readonly trace: Trace;
  readonly #bases: Bases;
  readonly #images = new Map<string, VertexId>();

  constructor(options: PlanOptions, globals: Environment, stages: readonly Stage[], bases: Bases, trace: Trace) {
    this.options = options;
    this.trace = trace;
    this.ignored = ignoredSources(options.ignorePatterns ?? []);
    this.globals = globals;
    this.stages = stages;
    this.#bases = bases;
    const declared = options.dockerfile.globalArgs.flatMap(({ args }) => args.map(({ name }) => name));
    this.declaredArgs = new Set(declared);
    this.epoch = this.#findEpoch();
  }

  buildStage(stage: Stage): void {
    const state = this.#initialState(stage);
    for (const command of stage.commands) {
      const node = command.isTrigger ? stage.from.node : command.instruction.node;
      const trace = this.trace.command(stage, state, command.instruction, node);
      try {
        applyInstruction({ planning: this, stage, state, command, trace });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        trace.isDone = false;
        // The words of a trigger stand in no file; its place is the FROM that runs it.
        const span = command.isTrigger ? stage.from.node : (error.span ?? command.instruction.node);
        throw new Refusal(error.fault.code, error.message, span, error.fault.hint);
      }
    }
    if (state.squash !== undefined) throw openSquash(state.squash.node);
    stage.state = state;
  }

  vertexOf(source: Exclude<StageSource, { kind: 'stage' }>): VertexId {
    if (source.kind === 'scratch') return this.#scratch();
    if (source.kind === 'files') return this.#files(source.name);
    const name = `[context] FROM ${source.reference}`;
    return this.#image(source, { name, origin: [], slot: `image/${source.reference}`, noCache: false });
  }

  context(): VertexId {
    return this.#files('');
  }

  finish(target: Stage): PlannedBuild {
    const { state } = target;
    invariant(state !== undefined, 'the target was built');
    this.#warn();
    const graph = this.builder.finish([state.rootfs]);
    const stages = this.stages.map((stage) => plannedStage(stage, this));
    const planned = stages[target.index];
    invariant(planned !== undefined, 'the target is one of the stages');
    return {
      graph,
      result: state.rootfs,
      config: this.#finalConfig(state),
      history: historyList(state.history),
      target: planned,
      stages,
      baseImages: Array.from(this.baseImages.values()).filter(({ vertex }) => graph.vertices.has(vertex)),
      epoch: this.epoch,
      sources: textsOf(this.options.dockerfile.source),
      warnings: this.warnings,
      unusedArgs: this.#unusedArgs(),
    };
  }

  #initialState(stage: Stage): StageState {
    const { base } = stage;
    if (base.kind === 'stage') {
      invariant(base.stage.state !== undefined, 'a stage comes after its base');
      return derivedState(base.stage.state);
    }
    if (base.kind === 'image') return this.#stateOfImage(stage, base);
    const platform = stage.platform ?? this.options.platform;
    const files = base.kind === 'files' ? this.#filesAsRoot(stage, base.name) : undefined;
    const { os, architecture, variant, osVersion } = this.options.platform;
    return {
      ...emptyState(),
      rootfs: files?.vertex ?? this.vertexOf(base),
      history: files && { entry: files, before: undefined },
      platform,
      config: { WorkingDir: '/', Env: [`PATH=${DEFAULT_PATH}`] },
      environment: new Environment([['PATH', DEFAULT_PATH]]),
      image: {
        os,
        architecture,
        ...(variant === undefined ? {} : { variant }),
        ...(osVersion === undefined ? {} : { osVersion }),
      },
    };
  }

  /** FROM of a directory: a layer with its files, as an image without a config. */
  #filesAsRoot(stage: Stage, name: string): PlannedHistory {
    const command = `FROM ${name}`;
    const vertex = this.builder.add({
      op: {
        kind: 'copy',
        sources: [{ kind: 'tree', input: 1, path: '/', unpack: false }],
        destination: '/',
        link: false,
        excludes: [],
      },
      inputs: [this.#scratch(), this.#files(name)],
      platform: stage.platform ?? this.options.platform,
      name: `[context ${name}] ${command}`,
      origin: [originOf(this, stage.from.node)],
      noCache: stage.noCache,
      slot: nextSlot(stage, 'from'),
      command,
    });
    return { createdBy: command, comment: HISTORY_COMMENT, vertex };
  }

  #stateOfImage(stage: Stage, source: ImageSource): StageState {
    const resolved = this.#bases.get(source);
    const { config, history, diffIds: _, created: _created, ...image } = resolved.config;
    const { OnBuild: _triggers, ...rest } = config;
    const variables = (config.Env ?? []).map(splitVariable);
    const hasPath = image.os === 'windows' || variables.some(([name]) => name === 'PATH');
    const pathEntry = hasPath ? [] : [`PATH=${DEFAULT_PATH}`];
    const workdir = resolveWorkdir('', config.WorkingDir === undefined ? '/' : config.WorkingDir || '/');
    const environment = new Environment();
    for (const [name, value] of [...variables, ...pathEntry.map(splitVariable)]) environment.set(name, value);
    return {
      ...emptyState(),
      rootfs: this.#imageOfStage(stage, source),
      platform: source.platform,
      environment,
      config: { ...rest, WorkingDir: workdir, Env: [...(config.Env ?? []), ...pathEntry] },
      image,
      workdir: cleanPath(workdir),
      history: history.reduce<HistoryChain | undefined>((before, entry) => ({ entry, before }), undefined),
    };
  }

  #imageOfStage(stage: Stage, source: ImageSource): VertexId {
    const resolved = this.#bases.get(source);
    const { digest } = resolved;
    const pinned =
      digest === undefined || source.reference.includes('@') ? source.reference : `${source.reference}@${digest}`;
    const label = stageLabel(stage, this.stages.length === 1);
    return this.#image(source, {
      name: isEmptyImage(resolved) ? `FROM ${pinned}` : stepName(this, stage, `FROM ${pinned}`),
      origin: [originOf(this, stage.from.node)],
      slot: nextSlot(stage, 'from'),
      noCache: false,
      surroundings: surroundingsOf(resolved.config.config),
      ...(label === '' ? {} : { stage: label }),
    });
  }

  #image(source: ImageSource, place: Parameters<typeof addImage>[3]): VertexId {
    const key = imageKey(source);
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    const resolved = this.#bases.get(source);
    const vertex = addImage(this.builder, source, resolved, place);
    this.#images.set(key, vertex);
    this.baseImages.set(vertex, {
      reference: source.reference,
      platform: source.platform,
      vertex,
      config: resolved.config,
      ...(resolved.digest === undefined ? {} : { digest: resolved.digest }),
      ...(resolved.id === undefined ? {} : { id: resolved.id }),
    });
    return vertex;
  }

  #scratch(): VertexId {
    const { platform } = this.options;
    return this.builder.add({
      op: { kind: 'scratch' },
      inputs: [],
      platform,
      name: 'FROM scratch',
      origin: [],
      noCache: false,
      slot: 'scratch',
      command: 'FROM scratch',
    });
  }

  /** Contexts are the same for every platform, so they stand under the builder's own. */
  #files(name: string): VertexId {
    return this.builder.add({
      op: { kind: 'context', name },
      inputs: [],
      platform: this.options.buildPlatform ?? this.options.platform,
      name: name === '' ? '[internal] load build context' : `[context ${name}] load from client`,
      origin: [],
      noCache: false,
      slot: name === '' ? 'context' : `context/${name}`,
      command: name === '' ? 'context' : `context ${name}`,
    });
  }

  #findEpoch(): number {
    if (this.options.epoch !== undefined) return this.options.epoch;
    const given = buildArg(this.options.buildArgs ?? {}, 'SOURCE_DATE_EPOCH') ?? this.globals.get('SOURCE_DATE_EPOCH');
    const fallback = this.#bases.newestCreated() ?? EPOCH_DEFAULT;
    if (given === undefined || given === '') return fallback;
    if (/^\d{1,12}$/.test(given)) return Number(given);
    if (given !== 'context') {
      const message = `SOURCE_DATE_EPOCH is ${JSON.stringify(given)}, which is no number of seconds`;
      throw new Refusal('EPOCH', message, undefined, 'date +%s');
    }
    const contextEpoch = this.options.contextEpoch?.();
    if (contextEpoch === undefined) {
      const message = 'SOURCE_DATE_EPOCH=context has no effect: the build context does not say when it was made';
      const whole = { start: 0, end: 0 };
      this.warnings.push(
        diagnosticAt(this.options.dockerfile.source, whole, PLAN_WARNING, { code: 'EPOCH_UNKNOWN', message }),
      );
    }
    return contextEpoch ?? fallback;
  }

  #finalConfig(state: StageState): PlannedConfig {
    const { platform, platformRequested, labels } = this.options;
    const { os, architecture, variant, osVersion, author } = state.image;
    const own = { os, architecture, variant, osVersion };
    const wanted = platformRequested === true ? { variant: undefined, osVersion: undefined, ...platform } : own;
    const allLabels = { ...state.config.Labels, ...labels };
    return {
      os: wanted.os,
      architecture: wanted.architecture,
      ...(wanted.variant === undefined ? {} : { variant: wanted.variant }),
      ...(wanted.osVersion === undefined ? {} : { osVersion: wanted.osVersion }),
      ...(author === undefined ? {} : { author }),
      config: withoutEmpty({ ...state.config, Labels: allLabels }),
    };
  }

  #unusedArgs(): string[] {
    const given = Object.keys(this.options.buildArgs ?? {});
    return given.filter((name) => !this.declaredArgs.has(name) && !isPredefinedArg(name)).toSorted();
  }

  #warn(): void {
    const { source } = this.options.dockerfile;
    const whole = { start: 0, end: 0 };
    const unused = this.#unusedArgs();
    if (unused.length > 0) {
      const message = `no ARG declares the build arguments ${unused.join(', ')}`;
      this.warnings.push(diagnosticAt(source, whole, PLAN_WARNING, { code: 'ARG_UNUSED', message }));
    }
  }
}

function emptyState(): Omit<StageState, 'rootfs' | 'platform' | 'environment' | 'config' | 'image'> {
  return {
    workdir: '/',
    hasWorkdir: false,
    history: undefined,
    buildArgs: new Map(),
    hasCmd: false,
    squash: undefined,
  };
}

function plannedStage(stage: Stage, planning: Planning): PlannedStage {
  const { name, from } = stage;
  const description = descriptionIn(from.node, name);
  return {
    index: stage.index,
    name,
    base: stage.baseText,
    ...(description === undefined ? {} : { description }),
    ...(stage.state === undefined ? {} : { rootfs: stage.state.rootfs }),
    builderArgs: builderArgsOf(stage, planning),
  };
}

/** Lists and maps without anything in them are absent from an image config. */
function withoutEmpty(config: ContainerConfig): ContainerConfig {
  const entries = Object.entries(config).filter(
    ([, value]) =>
      value !== '' &&
      value !== undefined &&
      (typeof value !== 'object' || value === null || Object.keys(value).length > 0),
  );
  return Object.fromEntries(entries) as ContainerConfig; // The same fields, some left out; all of them are optional.
}
