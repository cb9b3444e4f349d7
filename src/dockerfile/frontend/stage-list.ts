import { familiarName, formatReference, parsePlatform, parseReference, type Platform } from '../../oci/index.ts';
import { isShaleError } from '../../base/index.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import type { StageSyntax } from '../syntax/dockerfile.ts';
import type { Command } from '../syntax/instructions.ts';
import { mountSource } from '../syntax/mounts.ts';
import { suggest } from '../syntax/suggest.ts';
import type { Span } from '../syntax/source.ts';
import type { Word } from '../syntax/tree.ts';
import type { Expansion } from '../syntax/words.ts';
import { extensionHint } from '../syntax/flags.ts';
import { ArgScope } from './arg-scope.ts';
import type { Environment } from './environment.ts';
import { expandAt } from './expand.ts';
import type { NamedContext, PlanOptions } from './plan.ts';
import type { PlannedCommand, Stage, StageSource } from './stage.ts';
import type { BaseTrace, Trace } from './trace.ts';

/** Parts of a platform that stand alone must be known, since a slip would pass for an architecture. */
const LONE_PLATFORMS: ReadonlySet<string> = new Set(
  (
    'linux windows darwin freebsd 386 amd64 arm arm64 ppc64 ppc64le loong64 mips mipsle mips64 mips64le riscv64 s390x ' +
    'wasm x86_64 x86-64 aarch64 armhf armel i386'
  ).split(' '),
);

/** The stages of a Dockerfile with what they name resolved to each other, to images and to named contexts. */
export class StageList {
  readonly stages: readonly Stage[];
  readonly #byName = new Map<string, Stage>();
  readonly #options: PlanOptions;
  readonly #globals: Environment;
  readonly #trace: Trace;
  /** What FROM can use. */
  readonly #variables: readonly string[];
  readonly #scopes = new Map<Stage, ArgScope>();
  readonly #contexts: ReadonlyMap<string, readonly [string, NamedContext]>;

  /** @throws Refusal */
  constructor(options: PlanOptions, globals: Environment, trace: Trace) {
    this.#options = options;
    this.#globals = globals;
    this.#trace = trace;
    const declared = options.dockerfile.globalArgs.flatMap(({ args }) => args.map(({ name }) => name));
    this.#variables = Array.from(new Set([...globals.names(), ...declared]));
    const contexts = Array.from(options.namedContexts ?? []);
    this.#contexts = new Map(contexts.map((entry) => [contextKey(entry[0]), entry]));
    this.stages = options.dockerfile.stages.map((syntax, index) => this.#addStage(syntax, index));
    // A stage may be named before it stands: that it stands too late is said where it is used.
    this.stages.forEach((stage, index) => {
      const commands = stage.isOwn ? (options.dockerfile.stages[index]?.commands ?? []) : [];
      const scope = this.#scopeOf(stage);
      stage.commands = commands.map((command) => {
        scope?.pass(command);
        return this.link(command, false, scope);
      });
    });
  }

  /** Only the extended language has variables where stages are linked. */
  #scopeOf(stage: Stage): ArgScope | undefined {
    const { dockerfile, buildArgs = {} } = this.#options;
    if (!dockerfile.isExtended) return undefined;
    const below = stage.base.kind === 'stage' ? this.#scopes.get(stage.base.stage) : undefined;
    const scope = below?.derive() ?? new ArgScope(this.#globals, buildArgs, dockerfile.escape);
    this.#scopes.set(stage, scope);
    return scope;
  }

  /** @throws Refusal TARGET_UNKNOWN */
  target(): Stage {
    const name = this.#options.target;
    const last = this.stages.at(-1);
    const found =
      name === undefined || name === ''
        ? last
        : (this.#byName.get(name.toLowerCase()) ?? (/^\d+$/.test(name) ? this.stages[Number(name)] : undefined));
    if (found !== undefined) return found;
    const similar = suggest(name ?? '', this.#byName.keys());
    const hint =
      similar === undefined ? `the stages are ${[...this.#byName.keys()].join(', ')}` : `did you mean ${similar}?`;
    throw new Refusal('TARGET_UNKNOWN', `there is no stage ${JSON.stringify(name)} to build`, undefined, hint);
  }

  /** A command with the stages and images that it names. @throws Refusal */
  link(instruction: Command, isTrigger: boolean, scope?: ArgScope): PlannedCommand {
    const mountSources = instruction.kind === 'run' ? instruction.mounts.map((word) => this.#mountSource(word)) : [];
    if (instruction.kind !== 'copy' || instruction.from === undefined) return { instruction, isTrigger, mountSources };
    return { instruction, isTrigger, mountSources, from: this.#copySource(instruction.from, scope) };
  }

  #addStage({ from, commands }: StageSyntax, index: number): Stage {
    const { options, globals } = { options: this.#options, globals: this.#globals };
    const { escape } = options.dockerfile;
    const trace = this.#trace.base(from, {
      variables: this.#variables,
      targetPlatform: globals.get('TARGETPLATFORM') ?? '',
    });
    const notice = (expansion: Expansion): void => void (trace.name = expansion);
    const baseText = expandAt(from.base.text, globals.lookup, { escape }, from.base, notice).text;
    if (baseText === '') {
      const message = `the base image ${JSON.stringify(from.base.text)} comes to nothing`;
      throw new Refusal('BASE_BLANK', message, from.base, 'ARG before the first FROM can give its variables a value');
    }
    const platform = from.platform && this.#platform(from.platform, trace);
    const replaced = from.name === '' ? undefined : this.#contexts.get(contextKey(from.name));
    const base =
      replaced === undefined
        ? this.#baseOf(baseText, platform, from.base)
        : this.#contextSource(replaced, platform, from.base);
    const ownSteps = commands.filter(isStep).length;
    const { noCache } = options;
    const stage: Stage = {
      index,
      from,
      name: from.name,
      baseText,
      base,
      ...(platform === undefined ? {} : { platform }),
      noCache: Array.isArray(noCache) ? noCache.some((name) => name.toLowerCase() === from.name) : noCache === true,
      isOwn: replaced === undefined,
      commands: [],
      stepTotal: ownSteps + (base.kind === 'image' ? 1 : 0),
      stepIndex: 0,
      hasTriggers: false,
      ordinals: new Map(),
    };
    if (from.name !== '') this.#byName.set(from.name, stage);
    return stage;
  }

  #platform(word: Word, trace: BaseTrace): Platform {
    const { dockerfile, buildPlatform, platform } = this.#options;
    const notice = (expansion: Expansion): void => void (trace.platform = expansion);
    const text = expandAt(word.text, this.#globals.lookup, { escape: dockerfile.escape }, word, notice).text;
    if (text === '') {
      throw new Refusal('PLATFORM', `the platform ${JSON.stringify(word.text)} comes to nothing`, word);
    }
    const isLone = !text.includes('/');
    if (isLone && !LONE_PLATFORMS.has(text.toLowerCase())) throw notAPlatform(text, word);
    try {
      const parsed = parsePlatform(text);
      const host = buildPlatform ?? platform;
      return isLone && parsed.os === text.toLowerCase() ? { ...host, os: parsed.os } : parsed;
    } catch (error) {
      if (isShaleError(error, 'PLATFORM_INVALID')) throw notAPlatform(text, word);
      throw error;
    }
  }

  /** FROM knows earlier stages by their names as written; an image cannot have capitals. */
  #baseOf(text: string, platform: Platform | undefined, span: Span): StageSource {
    const stage = this.#byName.get(text);
    if (stage !== undefined) return { kind: 'stage', stage };
    return this.#imageOf(text, platform, span);
  }

  #copySource(word: Word, scope: ArgScope | undefined): StageSource {
    const text = scope === undefined ? word.text : scope.expand(word.text, word);
    if (text === '') throw new Refusal('COPY_FROM', `--from=${word.text} comes to nothing`, word, 'ARG NAME=default');
    if (
      scope === undefined &&
      expandAt(text, () => undefined, { escape: this.#options.dockerfile.escape }, word).text !== text
    ) {
      const hint = `FROM …\${ARG} AS name, with an ARG before the first FROM, and then --from=name; or: ${extensionHint('a variable there')}`;
      throw new Refusal('COPY_FROM', '--from cannot have variables', word, hint);
    }
    if (/^[-+]?\d+$/.test(text)) {
      const stage = this.stages[Number(text)];
      if (stage === undefined) throw new Refusal('COPY_FROM', `there is no stage number ${text}`, word);
      return { kind: 'stage', stage };
    }
    return this.#named(text, word);
  }

  #mountSource(word: Word): StageSource | undefined {
    const from = mountSource(word);
    return from === '' ? undefined : this.#named(from, word);
  }

  #named(text: string, span: Span): StageSource {
    const stage = this.#byName.get(text.toLowerCase());
    if (stage !== undefined) return { kind: 'stage', stage };
    return this.#imageOf(text, undefined, span);
  }

  #imageOf(text: string, platform: Platform | undefined, span: Span): StageSource {
    if (text === 'scratch') return { kind: 'scratch' };
    const replaced = this.#contexts.get(contextKey(text));
    if (replaced !== undefined) return this.#contextSource(replaced, platform, span);
    return this.#image(text, platform, span);
  }

  #contextSource(
    [name, context]: readonly [string, NamedContext],
    platform: Platform | undefined,
    span: Span,
  ): StageSource {
    if (context.kind === 'files') return { kind: 'files', name };
    return context.reference === 'scratch' ? { kind: 'scratch' } : this.#image(context.reference, platform, span);
  }

  #image(text: string, platform: Platform | undefined, span: Span): StageSource {
    try {
      const reference = formatReference(parseReference(text));
      return { kind: 'image', reference, platform: platform ?? this.#options.platform, span };
    } catch (error) {
      if (!isShaleError(error, 'REFERENCE_INVALID')) throw error;
      const stage = this.#byName.get(text.toLowerCase());
      const hint = stage === undefined ? error.hint : `the stage is called ${stage.name}`;
      throw new Refusal('BASE_NAME', error.message, span, hint);
    }
  }
}

/** What progress counts. */
function isStep(command: Command): boolean {
  return command.kind === 'squash' ? command.what === 'end' : ['add', 'copy', 'run', 'workdir'].includes(command.kind);
}

function notAPlatform(text: string, word: Word): Refusal {
  const hint = 'a platform is written as os/architecture, like linux/amd64';
  return new Refusal('PLATFORM', `${JSON.stringify(text)} is not a platform`, word, hint);
}

/** Under one key whatever the spelling: `alpine`, `docker.io/library/alpine:latest`. */
function contextKey(name: string): string {
  if (name === 'scratch' || name === 'context') return '';
  try {
    return familiarName(parseReference(name)).replace(/:latest$/, '');
  } catch (error) {
    if (isShaleError(error, 'REFERENCE_INVALID')) return name;
    throw error;
  }
}

/** The stages that a stage needs: its base and those that its commands read from. */
export function dependencies(stage: Stage): Stage[] {
  const found = sourcesOf(stage).filter((source) => source.kind === 'stage');
  return Array.from(new Set(found.map((source) => source.stage)));
}

/** Everything that a stage begins with or reads from. */
export function sourcesOf(stage: Stage): StageSource[] {
  const read = stage.commands.flatMap(({ from, mountSources }) => [from, ...mountSources]);
  return [stage.base, ...read].filter((source) => source !== undefined);
}

/** The stages that `targets` need, themselves included. */
export function reachableStages(targets: readonly Stage[]): Set<Stage> {
  const found = new Set<Stage>();
  const open = [...targets];
  for (let stage = open.pop(); stage !== undefined; stage = open.pop()) {
    if (found.has(stage)) continue;
    found.add(stage);
    open.push(...dependencies(stage));
  }
  return found;
}

/** @throws Refusal CIRCULAR when stages read from each other in a circle */
export function refuseCircles(stages: readonly Stage[]): void {
  const state = new Map<Stage, 'open' | 'done'>();
  for (const start of stages) {
    // An explicit stack: a Dockerfile may have thousands of stages.
    const stack: { readonly stage: Stage; readonly rest: Stage[] }[] = [];
    const enter = (stage: Stage): void => {
      state.set(stage, 'open');
      stack.push({ stage, rest: dependencies(stage) });
    };
    if (!state.has(start)) enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        state.set(top.stage, 'done');
        stack.pop();
      } else if (state.get(next) === 'open') {
        const name = next.name === '' ? String(next.index) : next.name;
        throw new Refusal('CIRCULAR', `the stage ${JSON.stringify(name)} depends on itself`, next.from.node);
      } else if (!state.has(next)) enter(next);
    }
  }
}
