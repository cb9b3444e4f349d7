import type { GraphBuilder, Op, SourceRange, Surroundings, VertexId } from '../../graph/index.ts';
import type { ContainerConfig } from '../../oci/index.ts';
import type { Diagnostic } from '../syntax/diagnostics.ts';
import { realLine, type Span } from '../syntax/source.ts';
import type { Word } from '../syntax/tree.ts';
import type { Expansion, Lookup, WordOptions } from '../syntax/words.ts';
import type { Environment } from './environment.ts';
import { expandAt, expandOrKeep } from './expand.ts';
import type { BaseImage, PlanOptions } from './plan.ts';
import type { CommandTrace } from './trace.ts';
import { stageLabel, type PlannedCommand, type Stage, type StageSource, type StageState } from './stage.ts';

/** What the making of one plan shares. */
export interface Planning {
  readonly options: PlanOptions;
  readonly builder: GraphBuilder;
  readonly globals: Environment;
  readonly stages: readonly Stage[];
  /** Names that some ARG of the plan declares. */
  readonly declaredArgs: Set<string>;
  /** By vertex. */
  readonly baseImages: Map<VertexId, BaseImage>;
  readonly warnings: Diagnostic[];
  readonly epoch: number;
  /** True for a path that the ignore file leaves out of the context for sure; absent without such a file. */
  readonly ignored: ((path: string) => boolean) | undefined;
  /** The vertex of an image, directory or empty tree; never of a stage. */
  vertexOf(source: Exclude<StageSource, { kind: 'stage' }>): VertexId;
  /** The main context. */
  context(): VertexId;
}

/** One command about to be carried into the graph. */
export interface Scene {
  readonly planning: Planning;
  readonly stage: Stage;
  readonly state: StageState;
  readonly command: PlannedCommand;
  /** Takes down what is found out on the way. */
  readonly trace: CommandTrace;
}

export function escapeOf(scene: Scene): string {
  return scene.planning.options.dockerfile.escape;
}

/** A word with the variables of the stage put in. @throws Refusal */
export function expand(scene: Scene, word: Word, options: WordOptions = {}): string {
  const { environment } = scene.state;
  const all = { escape: escapeOf(scene), ...options };
  return expandAt(word.text, environment.lookup, all, word, (expansion) => scene.trace.expanded(word, expansion)).text;
}

/** A part of a word, or a text that is none, likewise; `span` is where it stands. @throws Refusal */
export function expandIn(
  scene: Scene,
  text: string,
  span: Span,
  options: WordOptions = {},
  lookup: Lookup = scene.state.environment.lookup,
): Expansion {
  const all = { escape: escapeOf(scene), ...options };
  return expandAt(text, lookup, all, span, (expansion) => scene.trace.lookedUp(expansion));
}

/** Marks the entries that a Dockerfile made, among those of its base. */
export const HISTORY_COMMENT = 'shale.dockerfile.v1';

export function addHistory(scene: Scene, createdBy: string, vertex?: VertexId): void {
  const entry = { createdBy, comment: HISTORY_COMMENT };
  const { state } = scene;
  const planned = vertex === undefined ? { ...entry, emptyLayer: true } : { ...entry, vertex };
  state.history = { entry: planned, before: state.history };
}

/** What a step is, apart from where it stands. */
export interface Step {
  readonly kind: 'run' | 'copy' | 'add' | 'workdir' | 'squash';
  readonly op: Op;
  /** Besides the root filesystem, which is the first. */
  readonly inputs: readonly VertexId[];
  /** As progress shows it, without the number in front. */
  readonly title: string;
  /** As history tells it, without the mark of BuildKit. */
  readonly command: string;
  readonly unkeyedEnv?: readonly string[];
  /** Carried out whatever the cache knows. */
  readonly noCache?: boolean;
}

/** Adds a step on the stage's root filesystem, and makes its result the new one. */
export function addStep(scene: Scene, step: Step): VertexId {
  const { planning, stage, state, command } = scene;
  const label = stageLabel(stage, planning.stages.length === 1);
  const id = planning.builder.add({
    op: step.op,
    inputs: [state.rootfs, ...step.inputs],
    platform: state.platform,
    name: stepName(planning, stage, `${command.isTrigger ? 'ONBUILD ' : ''}${step.title}`),
    origin: [originOf(planning, command.isTrigger ? stage.from.node : command.instruction.node)],
    noCache: stage.noCache || step.noCache === true,
    slot: nextSlot(stage, step.kind),
    command: step.command,
    surroundings: surroundingsOf(state.config),
    ...(label === '' ? {} : { stage: label }),
    ...(step.unkeyedEnv === undefined || step.unkeyedEnv.length === 0 ? {} : { unkeyedEnv: step.unkeyedEnv }),
  });
  state.rootfs = id;
  return id;
}

/** What of a config a program sees that is started where the stage stands. */
export function surroundingsOf({ Env, WorkingDir, User, Shell }: ContainerConfig): Surroundings {
  return {
    ...(Env !== undefined && { Env: [...Env] }),
    ...(WorkingDir !== undefined && { WorkingDir }),
    ...(User !== undefined && { User }),
    ...(Shell !== undefined && { Shell }),
  };
}

/** `[build 2/5] RUN make`: counts the step. */
export function stepName(planning: Planning, stage: Stage, title: string): string {
  stage.stepIndex++;
  const total = String(stage.stepTotal);
  const label = stageLabel(stage, planning.stages.length === 1);
  return `[${label === '' ? '' : `${label} `}${String(stage.stepIndex).padStart(total.length)}/${total}] ${title}`;
}

/** The instruction as written, its keyword in capitals, its variables put in. */
export function titleOf(
  scene: Scene,
  options: WordOptions = {},
  lookup: Lookup = scene.state.environment.lookup,
): string {
  const text = scene.command.instruction.node.text.trim();
  const expanded = expandOrKeep(text, lookup, { escape: escapeOf(scene), ...options });
  const space = expanded.indexOf(' ');
  return space === -1 ? expanded.toUpperCase() : expanded.slice(0, space).toUpperCase() + expanded.slice(space);
}

/** The same for the n-th RUN of a stage, whatever stands before it. */
export function nextSlot(stage: Stage, kind: string): string {
  const ordinal = (stage.ordinals.get(kind) ?? 0) + 1;
  stage.ordinals.set(kind, ordinal);
  return `${stage.name === '' ? stage.index : stage.name}/${kind}/${ordinal}`;
}

export function originOf(
  planning: Planning,
  lines: { readonly firstLine: number; readonly lastLine: number },
): SourceRange {
  const { source, line } = realLine(planning.options.dockerfile.source, lines.firstLine);
  return { file: source.name, firstLine: line, lastLine: line + (lines.lastLine - lines.firstLine) };
}

/** The inputs of a step beyond its root filesystem, each once; `indexOf` counts the root filesystem as 0. */
export class Inputs {
  readonly ids: VertexId[] = [];

  indexOf(id: VertexId): number {
    const known = this.ids.indexOf(id);
    return known === -1 ? this.ids.push(id) : known + 1;
  }
}
