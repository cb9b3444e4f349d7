import type {
  ImageUse,
  BaseUse,
  CommandUse,
  DefaultBase,
  LintSubject,
  UndefinedVariable,
} from '../lint/build-checks/subject.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import type { Command, FromInstruction } from '../syntax/instructions.ts';
import type { SyntaxNode, Word } from '../syntax/tree.ts';
import type { Expansion, Lookups } from '../syntax/words.ts';
import { isBuilderArg } from './arguments.ts';
import type { Environment } from './environment.ts';
import type { Stage, StageState } from './stage.ts';

const NOTHING: Expansion = { text: '', words: [], matched: new Set(), unmatched: new Set() };

/** What the planning of one Dockerfile finds out on its way, as far as it comes: for the build checks and the outline. */
export class Trace {
  defaultBases: readonly DefaultBase[] | undefined;
  readonly bases: BaseTrace[] = [];
  readonly images: ImageUse[] = [];
  readonly commands: CommandTrace[] = [];
  readonly globalArgs: ArgTrace[] = [];
  /** Once they are known: all stages, and the one that is built. */
  stages: readonly Stage[] = [];
  target: Stage | undefined;
  /** By stage and instruction's name. */
  readonly #counting = new Map<string, SyntaxNode>();

  base(from: FromInstruction, known: Pick<BaseUse, 'variables' | 'targetPlatform'>): BaseTrace {
    const trace = new BaseTrace(from, known);
    this.bases.push(trace);
    return trace;
  }

  command(stage: Stage, state: StageState, instruction: Command, node: SyntaxNode): CommandTrace {
    const overridden = this.#takePlace(stage, instruction, node);
    const trace = new CommandTrace(stage.index, state, instruction, node, overridden);
    this.commands.push(trace);
    return trace;
  }

  subject(dockerfile: Dockerfile): LintSubject {
    const firstFault = dockerfile.diagnostics.find(({ severity }) => severity === 'error');
    const isShapeless = dockerfile.diagnostics.some(({ phase }) => phase === 'parse');
    const lastLine = firstFault?.start.line ?? Number.POSITIVE_INFINITY;
    return {
      dockerfile: isShapeless ? { ...dockerfile, emptyContinuations: [] } : dockerfile,
      nodes: isShapeless ? [] : dockerfile.nodes.filter(({ firstLine }) => firstLine <= lastLine),
      hasStages: firstFault === undefined,
      defaultBases: this.defaultBases,
      bases: this.bases,
      images: this.images,
      commands: this.commands,
    };
  }

  /** Of instructions that a stage may have once, the last one counts. */
  #takePlace({ index }: Stage, { kind }: Command, node: SyntaxNode): SyntaxNode | undefined {
    if (kind !== 'cmd' && kind !== 'entrypoint' && kind !== 'healthcheck') return undefined;
    const key = `${index} ${kind}`;
    const earlier = this.#counting.get(key);
    this.#counting.set(key, node);
    return earlier;
  }
}

/** An ARG as it was met. */
export interface ArgTrace {
  readonly name: string;
  readonly value: string | undefined;
  /** True when it only takes over what an ARG before the first FROM says. */
  readonly isInherited: boolean;
  /** The variables in its default. */
  readonly uses: ReadonlySet<string>;
  readonly node: SyntaxNode;
}

/** A secret or SSH agent that a RUN asks for. */
export interface RequestTrace {
  readonly id: string;
  readonly required: boolean;
}

export class BaseTrace implements BaseUse {
  readonly from: FromInstruction;
  readonly variables: readonly string[];
  readonly targetPlatform: string;
  name: Expansion = NOTHING;
  platform?: Expansion;

  constructor(from: FromInstruction, known: Pick<BaseUse, 'variables' | 'targetPlatform'>) {
    this.from = from;
    this.variables = known.variables;
    this.targetPlatform = known.targetPlatform;
  }
}

export class CommandTrace implements CommandUse {
  readonly stageIndex: number;
  readonly instruction: Command;
  readonly node: SyntaxNode;
  readonly hasShell: boolean;
  readonly isFirstWorkdir: boolean;
  readonly undefinedVariables: UndefinedVariable[] = [];
  readonly expansions: Map<Word, Expansion> = new Map();
  readonly ignoredSources: string[] = [];
  readonly args: ArgTrace[] = [];
  readonly secrets: RequestTrace[] = [];
  readonly ssh: RequestTrace[] = [];
  readonly overridden?: SyntaxNode;
  isDone = true;
  readonly #environment: Environment;
  readonly #declared: ReadonlyMap<string, string | undefined>;

  constructor(
    stageIndex: number,
    state: StageState,
    instruction: Command,
    node: SyntaxNode,
    overridden: SyntaxNode | undefined,
  ) {
    this.stageIndex = stageIndex;
    this.instruction = instruction;
    this.node = node;
    this.hasShell = (state.config.Shell ?? []).length > 0;
    this.isFirstWorkdir = !state.hasWorkdir;
    if (overridden !== undefined) this.overridden = overridden;
    this.#environment = state.environment;
    this.#declared = state.buildArgs;
  }

  expanded(word: Word, expansion: Expansion): void {
    this.expansions.set(word, expansion);
    this.lookedUp(expansion);
  }

  /** Notes names that nobody has set. An ARG without a value is none of them. */
  lookedUp({ unmatched }: Lookups): void {
    for (const name of unmatched) {
      if (this.#declared.has(name) || isBuilderArg(name)) continue;
      this.undefinedVariables.push({ name, known: this.#environment.names() });
    }
  }
}
