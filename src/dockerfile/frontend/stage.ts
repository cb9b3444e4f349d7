import type { VertexId } from '../../graph/index.ts';
import type { ContainerConfig, ImageConfig, Platform } from '../../oci/index.ts';
import type { SyntaxNode } from '../syntax/tree.ts';
import type { Span } from '../syntax/source.ts';
import type { Command, FromInstruction } from '../syntax/instructions.ts';
import type { Environment } from './environment.ts';
import type { PlannedHistory } from './plan.ts';

/** An image by name, as FROM, COPY --from and a mount's from name it. */
export interface ImageSource {
  readonly kind: 'image';
  /** In full, with its tag. */
  readonly reference: string;
  readonly platform: Platform;
  readonly span: Span;
}

/** A directory given beside the context. */
export interface FilesSource {
  readonly kind: 'files';
  readonly name: string;
}

/** Where a stage begins, or where a COPY or mount takes its files from. */
export type StageSource =
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'scratch' }
  | FilesSource
  | ImageSource;

/** A command with the stages and images that it names. */
export interface PlannedCommand {
  readonly instruction: Command;
  /** True when it comes from ONBUILD of the base. */
  readonly isTrigger: boolean;
  /** COPY --from. */
  readonly from?: StageSource;
  /** For each --mount of RUN; absent where it names none. */
  readonly mountSources: readonly (StageSource | undefined)[];
}

/** A stage while the plan is made. */
export interface Stage {
  readonly index: number;
  readonly from: FromInstruction;
  /** In lower case; '' for none. */
  readonly name: string;
  /** Expanded, as written. */
  readonly baseText: string;
  readonly base: StageSource;
  /** FROM --platform. */
  readonly platform?: Platform;
  readonly noCache: boolean;
  /** False for a stage that a named context stands in for: its instructions are not looked at. */
  readonly isOwn: boolean;
  commands: readonly PlannedCommand[];
  /** Steps as progress counts them. */
  stepTotal: number;
  stepIndex: number;
  hasTriggers: boolean;
  /** How many steps of each kind there were, for the slots. */
  readonly ordinals: Map<string, number>;
  /** After its commands were carried into the graph. */
  state?: StageState;
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface HistoryChain {
  readonly entry: PlannedHistory;
  readonly before: HistoryChain | undefined;
}

/** The entries, oldest first. */
export function historyList(chain: HistoryChain | undefined): PlannedHistory[] {
  const entries: PlannedHistory[] = [];
  for (let link = chain; link !== undefined; link = link.before) entries.push(link.entry);
  return entries.toReversed();
}

/** Where a stage stands between two instructions. */
export interface StageState {
  rootfs: VertexId;
  readonly platform: Platform;
  /** ENV and ARG: what words expand to and RUN sees. */
  readonly environment: Environment;
  readonly config: Mutable<ContainerConfig>;
  readonly image: Mutable<Pick<ImageConfig, 'os' | 'architecture' | 'variant' | 'osVersion' | 'author'>>;
  /** Absolute and clean. */
  workdir: string;
  /** True after a WORKDIR of this stage or of one that it is built on. */
  hasWorkdir: boolean;
  /** The newest entry first; stages that build on each other share their beginnings. */
  history: HistoryChain | undefined;
  /** ARG in the order of their first mention; undefined without a value. */
  readonly buildArgs: Map<string, string | undefined>;
  /** True after a CMD of this stage. */
  hasCmd: boolean;
  /** After SQUASH BEGIN: where it stands, and what the layers to come lie on. */
  squash:
    | { readonly rootfs: VertexId; readonly history: HistoryChain | undefined; readonly node: SyntaxNode }
    | undefined;
}

/** The state with which a stage built on another begins. */
export function derivedState(base: StageState): StageState {
  const { OnBuild: _, ...config } = base.config;
  return {
    ...base,
    environment: base.environment.copy(),
    config: { ...config },
    image: { ...base.image },
    buildArgs: new Map(base.buildArgs),
    hasCmd: false,
    squash: undefined,
  };
}

export function stageLabel(stage: Stage, isOnly: boolean): string {
  if (stage.name !== '') return stage.name;
  return isOnly ? '' : `stage-${stage.index}`;
}
