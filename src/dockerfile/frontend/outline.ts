import type { SyntaxNode } from '../syntax/tree.ts';
import { descriptionIn } from './description.ts';
import { refused, planFailure } from './failures.ts';
import { hasErrors } from '../syntax/dockerfile.ts';
import { makePlan } from './make-plan.ts';
import type { PlanOptions } from './plan.ts';
import { dependencies } from './stage-list.ts';
import type { Stage } from './stage.ts';
import { Trace, type ArgTrace, type RequestTrace } from './trace.ts';

/** The lines of an instruction, counted from 1. */
export interface Lines {
  readonly firstLine: number;
  readonly lastLine: number;
}

export interface OutlineArg extends Lines {
  readonly name: string;
  readonly value?: string;
  /** From a comment above that begins with the name. */
  readonly description?: string;
}

export interface OutlineRequest extends Lines {
  readonly id: string;
  readonly required: boolean;
}

/** What a target takes from whoever builds it: arguments, secrets, SSH agents; its own and those of the stages it needs. */
export interface Outline {
  /** '' for a stage without a name. */
  readonly name: string;
  readonly description?: string;
  /** In the order of their lines, as the other lists. */
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineRequest[];
  readonly ssh: readonly OutlineRequest[];
}

/** A stage that can be built. */
export interface Target extends Lines {
  readonly name: string;
  readonly description?: string;
  readonly isDefault: boolean;
  /** As written, like the platform. */
  readonly base: string;
  readonly platform?: string;
}

/** @throws DOCKERFILE_INVALID, and what `resolveImageConfig` throws */
export async function outlineDockerfile(options: PlanOptions): Promise<Outline> {
  const { dockerfile } = options;
  if (hasErrors(dockerfile.diagnostics)) throw refused(dockerfile, dockerfile.diagnostics);
  const trace = new Trace();
  try {
    await makePlan(options, trace);
  } catch (error) {
    throw planFailure(error, dockerfile);
  }
  const outliner = new Outliner(trace);
  if (trace.target !== undefined) outliner.visit(trace.target);
  const description = trace.target && descriptionIn(trace.target.from.node, trace.target.name);
  return {
    name: trace.target?.name ?? '',
    ...(description === undefined ? {} : { description }),
    args: byLine(outliner.args.values()),
    secrets: byLine(outliner.secrets.values()),
    ssh: byLine(outliner.ssh.values()),
  };
}

/** The stages as they are written; nothing is looked up. @throws DOCKERFILE_INVALID */
export function targetsOf({ dockerfile }: Pick<PlanOptions, 'dockerfile'>): Target[] {
  if (hasErrors(dockerfile.diagnostics)) throw refused(dockerfile, dockerfile.diagnostics);
  return dockerfile.stages.map(({ from }, index) => {
    const description = descriptionIn(from.node, from.name);
    return {
      name: from.name,
      ...(description === undefined ? {} : { description }),
      isDefault: index === dockerfile.stages.length - 1,
      base: from.base.text,
      ...(from.platform === undefined ? {} : { platform: from.platform.text }),
      ...linesOf(from.node),
    };
  });
}

/** Goes from the target to its base and to the stages that it reads from; of one name the nearest counts. */
class Outliner {
  readonly args: Map<string, OutlineArg> = new Map();
  readonly secrets: Map<string, OutlineRequest> = new Map();
  readonly ssh: Map<string, OutlineRequest> = new Map();
  readonly #trace: Trace;
  readonly #seen = new Set<Stage>();

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  visit(stage: Stage): void {
    if (this.#seen.has(stage)) return;
    this.#seen.add(stage);
    const used = this.#usedArgs(stage);
    for (const arg of used) if (!this.args.has(arg.name)) this.args.set(arg.name, outlineArg(arg));
    for (const command of this.#trace.commands.filter(({ stageIndex }) => stageIndex === stage.index)) {
      for (const request of command.secrets) addRequest(this.secrets, request, command.node);
      for (const request of command.ssh) addRequest(this.ssh, request, command.node);
    }
    for (const needed of dependencies(stage)) this.visit(needed);
  }

  /** Those that FROM and ARG of the stage name, and what the defaults of those before the first FROM use. */
  #usedArgs(stage: Stage): ArgTrace[] {
    const base = this.#trace.bases.find(({ from }) => from === stage.from);
    const own = this.#trace.commands.filter(({ stageIndex }) => stageIndex === stage.index).flatMap(({ args }) => args);
    const known = this.#knownArgs(stage);
    const names = new Set(stage.isOwn ? [...(base?.name.matched ?? []), ...(base?.platform?.matched ?? [])] : []);
    for (const { name } of own) names.add(name);
    // The set grows while it is walked: what an argument uses comes after it.
    for (const name of names) for (const used of known.get(name)?.uses ?? []) names.add(used);
    return Array.from(names).flatMap((name) => known.get(name) ?? []);
  }

  #knownArgs(stage: Stage): Map<string, ArgTrace> {
    const known =
      stage.base.kind === 'stage'
        ? this.#knownArgs(stage.base.stage)
        : new Map(this.#trace.globalArgs.map((arg) => [arg.name, arg]));
    for (const { stageIndex, args } of this.#trace.commands) {
      if (stageIndex !== stage.index) continue;
      for (const arg of args) if (!arg.isInherited || !known.has(arg.name)) known.set(arg.name, arg);
    }
    return known;
  }
}

function outlineArg({ name, value, node }: ArgTrace): OutlineArg {
  const description = descriptionIn(node, name);
  return {
    name,
    ...(value === undefined || value === '' ? {} : { value }),
    ...(description === undefined ? {} : { description }),
    ...linesOf(node),
  };
}

function addRequest(list: Map<string, OutlineRequest>, { id, required }: RequestTrace, node: SyntaxNode): void {
  if (!list.has(id)) list.set(id, { id, required, ...linesOf(node) });
}

function linesOf({ firstLine, lastLine }: SyntaxNode): Lines {
  return { firstLine, lastLine };
}

function byLine<T extends Lines>(list: Iterable<T>): T[] {
  return Array.from(list).toSorted((a, b) => a.firstLine - b.firstLine);
}
