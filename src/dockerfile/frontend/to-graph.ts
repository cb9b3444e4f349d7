import { invariant, ShaleError } from '../../base/index.ts';
import { GraphBuilder, type VertexId } from '../../graph/index.ts';
import type { ContainerConfig } from '../../oci/index.ts';
import { diagnosticAt, formatDiagnostic, Refusal, type Diagnostic } from '../syntax/diagnostics.ts';
import { detectSyntax } from '../syntax/directives.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import { cleanPath } from '../syntax/ignore.ts';
import { addGlobalArgs, buildArg, isPredefinedArg, platformArgs } from './arguments.ts';
import { addImage, BaseFailure, Bases, EPOCH_DEFAULT, imageKey, isEmptyImage } from './bases.ts';
import { applyCopy } from './copy.ts';
import { Environment, splitVariable } from './environment.ts';
import { healthcheckText, plainList } from './history.ts';
import {
  applyArg,
  applyCommand,
  applyEnv,
  applyExpose,
  applyLabel,
  applyStopSignal,
  applyVolume,
  applyWorkdir,
  resolveWorkdir,
} from './metadata.ts';
import { requireFeature } from './not-yet.ts';
import type { BaseImage, BuildPlan, PlannedConfig, PlannedStage, PlanOptions } from './plan.ts';
import { applyRun } from './run.ts';
import { addHistory, expand, nextSlot, originOf, stepName, type Planning, type Scene } from './scene.ts';
import { reachableStages, refuseCircles, sourcesOf, StageList } from './stage-list.ts';
import { derivedState, stageLabel, type ImageSource, type Stage, type StageSource, type StageState } from './stage.ts';
import { readTrigger } from './triggers.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** How often ONBUILD triggers of newly found images may lead to further images. */
const TRIGGER_ROUNDS_MAX = 100;

/**
 * Turns a Dockerfile into a build graph and the config and history of its image, as BuildKit would. Only the stages
 * that the target needs are looked at closely, and only their base images are resolved.
 * @throws DOCKERFILE_INVALID, with all diagnostics in `data.diagnostics` and the first one as the message, shown in its
 * place; and whatever `resolveImageConfig` throws, with the place in front of the message
 */
export async function toGraph(options: PlanOptions): Promise<BuildPlan> {
  const { dockerfile } = options;
  const errors = dockerfile.diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw refused(dockerfile, dockerfile.diagnostics);
  try {
    return await plan(options);
  } catch (error) {
    if (error instanceof BaseFailure) {
      const line = diagnosticAt(dockerfile.source, error.source.span, PLAN_ERROR, { code: '', message: '' }).start.line;
      throw error.at(`${dockerfile.source.name}:${line}`);
    }
    if (!(error instanceof Refusal)) throw error;
    const diagnostic = diagnosticAt(dockerfile.source, error.span ?? { start: 0, end: 0 }, PLAN_ERROR, error.fault);
    throw refused(dockerfile, [...dockerfile.diagnostics, diagnostic]);
  }
}

const PLAN_ERROR = { severity: 'error', phase: 'plan' } as const;
const PLAN_WARNING = { severity: 'warning', phase: 'plan' } as const;

function refused(dockerfile: Dockerfile, diagnostics: readonly Diagnostic[]): ShaleError {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  // What stops reading counts before what only stops building.
  const first = errors.find(({ phase }) => phase === 'parse') ?? errors[0];
  invariant(first !== undefined, 'a refused Dockerfile has an error');
  return new ShaleError(
    'DOCKERFILE_INVALID',
    formatDiagnostic({ ...first, hint: '' }, dockerfile.source).replace(/\ntry: $/, ''),
    {
      data: { diagnostics, file: first.file, line: first.start.line, reason: first.message },
      ...(first.hint === undefined ? {} : { hint: first.hint }),
    },
  );
}

async function plan(options: PlanOptions): Promise<BuildPlan> {
  const { dockerfile } = options;
  const last = dockerfile.stages.at(-1);
  if (last === undefined) throw new Refusal('STAGE_MISSING', 'the file has no stage to build', undefined, 'FROM image');
  const buildArgs = options.buildArgs ?? {};
  const targetName = options.target ?? last.from.name;
  const globals = platformArgs(
    options.buildPlatform ?? options.platform,
    options.platform,
    targetName === '' ? 'default' : targetName,
    buildArgs,
  );
  addGlobalArgs(globals, dockerfile.globalArgs, buildArgs, dockerfile.escape);
  const list = new StageList(options, globals);
  const target = list.target();
  refuseCircles(list.stages);
  const bases = new Bases((reference, platform) => options.resolveImageConfig(reference, platform));
  const targets = options.allStages === true ? list.stages : [target];
  const needed = await resolveBases(list, targets, bases);
  const maker = new PlanMaker(options, globals, list.stages, bases);
  for (const stage of list.stages) if (needed.has(stage)) maker.buildStage(stage);
  return maker.finish(target);
}

/** Resolves the images of the stages that are needed; their ONBUILD triggers may name further stages and images. */
async function resolveBases(list: StageList, targets: readonly Stage[], bases: Bases): Promise<Set<Stage>> {
  for (let round = 0; round < TRIGGER_ROUNDS_MAX; round++) {
    const needed = reachableStages(targets);
    await bases.resolveAll(Array.from(needed).flatMap(sourcesOf));
    const fresh = Array.from(needed).filter((stage) => !stage.hasTriggers);
    if (fresh.length === 0) return needed;
    for (const stage of fresh) addTriggers(list, stage, bases);
    refuseCircles(list.stages);
  }
  throw new Refusal('ONBUILD_TRIGGER', 'ONBUILD triggers lead to ever more images');
}

function addTriggers(list: StageList, stage: Stage, bases: Bases): void {
  stage.hasTriggers = true;
  if (!stage.isOwn) return;
  const texts = triggersOf(stage.base, bases);
  const commands = texts.map((text) => list.link(readTrigger(text, stage), true));
  stage.commands = [...commands, ...stage.commands];
  stage.stepTotal += commands.length;
}

function triggersOf(base: StageSource, bases: Bases): readonly string[] {
  if (base.kind === 'image') return bases.get(base).config.config.OnBuild ?? [];
  if (base.kind !== 'stage') return [];
  return base.stage.commands.flatMap(({ instruction }) =>
    instruction.kind === 'onbuild' ? [instruction.expression] : [],
  );
}

class PlanMaker implements Planning {
  readonly options: PlanOptions;
  readonly builder: GraphBuilder = new GraphBuilder();
  readonly globals: Environment;
  readonly stages: readonly Stage[];
  readonly declaredArgs: Set<string>;
  readonly baseImages: Map<VertexId, BaseImage> = new Map();
  readonly warnings: Diagnostic[] = [];
  readonly epoch: number;
  readonly #bases: Bases;
  readonly #images = new Map<string, VertexId>();

  constructor(options: PlanOptions, globals: Environment, stages: readonly Stage[], bases: Bases) {
    this.options = options;
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
      try {
        applyCommandTo({ planning: this, stage, state, command });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        // The words of a trigger stand in no file; its place is the FROM that runs it.
        const span = command.isTrigger ? stage.from.node : (error.span ?? command.instruction.node);
        throw new Refusal(error.fault.code, error.message, span, error.fault.hint);
      }
    }
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

  finish(target: Stage): BuildPlan {
    const { state } = target;
    invariant(state !== undefined, 'the target was built');
    this.#warn();
    const graph = this.builder.finish([state.rootfs]);
    const stages = this.stages.map(plannedStage);
    const planned = stages[target.index];
    invariant(planned !== undefined, 'the target is one of the stages');
    return {
      graph,
      result: state.rootfs,
      config: this.#finalConfig(state),
      history: state.history,
      target: planned,
      stages,
      baseImages: Array.from(this.baseImages.values()).filter(({ vertex }) => graph.vertices.has(vertex)),
      epoch: this.epoch,
      warnings: [...this.options.dockerfile.diagnostics, ...this.warnings],
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
    const { os, architecture, variant, osVersion } = this.options.platform;
    return {
      ...emptyState(),
      rootfs: this.vertexOf(base),
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
      history: [...history],
    };
  }

  #imageOfStage(stage: Stage, source: ImageSource): VertexId {
    const isCounted = !isEmptyImage(this.#bases.get(source));
    const label = stageLabel(stage, this.stages.length === 1);
    return this.#image(source, {
      name: isCounted ? stepName(this, stage, `FROM ${source.reference}`) : `FROM ${source.reference}`,
      origin: [originOf(this, stage.from.node)],
      slot: nextSlot(stage, 'from'),
      noCache: false,
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
    if (this.options.acceptNotYet !== true) requireFeature('epoch-context', undefined);
    return fallback;
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
    const frontend = detectSyntax(source.text);
    if (
      frontend !== undefined &&
      !/^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[^@]*)?(?:@.*)?$/.test(frontend)
    ) {
      const message = `the file asks for the frontend ${frontend}, which is not run: it is read as Dockerfile 1.26`;
      this.warnings.push(diagnosticAt(source, whole, PLAN_WARNING, { code: 'SYNTAX_FOREIGN', message }));
    }
  }
}

function emptyState(): Omit<StageState, 'rootfs' | 'platform' | 'environment' | 'config' | 'image'> {
  return { workdir: '/', history: [], buildArgs: new Map(), hasCmd: false };
}

function plannedStage(stage: Stage): PlannedStage {
  const { name, from } = stage;
  const prefix = `${name} `;
  const comment = name === '' ? undefined : from.node.comments.find((line) => line.startsWith(prefix));
  return {
    index: stage.index,
    name,
    base: stage.baseText,
    ...(comment === undefined ? {} : { description: comment.slice(prefix.length) }),
    ...(stage.state === undefined ? {} : { rootfs: stage.state.rootfs }),
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

function applyCommandTo(scene: Scene): void {
  const { state, command } = scene;
  const { instruction } = command;
  switch (instruction.kind) {
    case 'arg':
      return applyArg(scene, instruction);
    case 'env':
      return applyEnv(scene, instruction);
    case 'run':
      return applyRun(scene, instruction);
    case 'copy':
    case 'add':
      return applyCopy(scene, instruction);
    case 'workdir':
      return applyWorkdir(scene, instruction);
    case 'cmd':
    case 'entrypoint':
      return applyCommand(scene, instruction);
    case 'label':
      return applyLabel(scene, instruction);
    case 'expose':
      return applyExpose(scene, instruction);
    case 'volume':
      return applyVolume(scene, instruction);
    case 'stopsignal':
      return applyStopSignal(scene, instruction);
    case 'maintainer':
      state.image.author = instruction.maintainer;
      return addHistory(scene, `MAINTAINER ${instruction.maintainer}`);
    case 'user':
      state.config.User = expand(scene, instruction.user);
      return addHistory(scene, `USER ${state.config.User}`);
    case 'shell':
      state.config.Shell = instruction.shell;
      return addHistory(scene, `SHELL ${plainList(instruction.shell)}`);
    case 'healthcheck':
      state.config.Healthcheck = instruction.healthcheck;
      return addHistory(scene, healthcheckText(instruction.healthcheck));
    case 'onbuild':
      state.config.OnBuild = [...(state.config.OnBuild ?? []), instruction.expression];
  }
}
