import { readCommand, readScript } from '../shell/read-script.ts';
import { shellKind, type Field, type Script } from '../shell/script.ts';
import { trimmedBounds } from '../syntax/characters.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import { readHeredocMark } from '../syntax/heredocs.ts';
import type { FromInstruction, Instruction } from '../syntax/instructions.ts';
import { LogicalLine } from '../syntax/logical-line.ts';
import { readInstruction } from '../syntax/read-instruction.ts';
import type { SyntaxNode, Word } from '../syntax/tree.ts';
import { expandWord, ExpansionError } from '../syntax/words.ts';
import type { LintFile, LintStage, Setting, StageState, Step } from './file.ts';

const NOTHING: StageState = {
  variables: new Map(),
  environment: new Set(),
  shell: undefined,
  user: undefined,
  workdir: undefined,
};
/** Of these the default shell is that of Windows. */
const WINDOWS_BASE = /(?:^|[/:-])(?:windows|nanoserver|servercore)(?:[/:-]|$)/i;

export type LintFileOptions = Pick<LintFile, 'settings' | 'buildChecks' | 'buildErrors' | 'measured'>;

/** Puts a Dockerfile into the form that the rules look at. Never throws for what the file holds. */
export function readLintFile(dockerfile: Dockerfile, options: LintFileOptions): LintFile {
  const walk = new FileWalk(dockerfile);
  for (const node of dockerfile.nodes) walk.add(node);
  return { dockerfile, stages: walk.finish(), steps: walk.steps, ...options };
}

/** A stage while it is read. */
type OpenStage = { -readonly [K in keyof LintStage]: LintStage[K] } & {
  readonly steps: Step[];
  /** What its ONBUILDs will do to the state of stages on top of it. */
  readonly triggers: Instruction[];
};

class FileWalk {
  readonly steps: Step[] = [];
  readonly #escape: string;
  readonly #isExtended: boolean;
  readonly #stages: OpenStage[] = [];
  #state: StageState = NOTHING;
  #globals: StageState = NOTHING;

  constructor({ escape, isExtended }: Dockerfile) {
    this.#escape = escape;
    this.#isExtended = isExtended;
  }

  add(node: SyntaxNode): void {
    const instruction = this.#read(node);
    if (node.name === 'from') {
      this.#close();
      this.#open(node, instruction?.kind === 'from' ? instruction : undefined);
    }
    const shell = pragmaShell(node);
    if (shell !== undefined) this.#state = { ...this.#state, shell: [shell, '-c'] };
    this.#addStep(node, instruction, false);
    if (node.body.kind !== 'trigger') {
      if (instruction !== undefined) this.#state = this.#after(this.#state, instruction);
      return;
    }
    const { heredocs, end, lastLine, comments } = node;
    const inner: SyntaxNode = { ...node.body.node, heredocs, end, lastLine, comments };
    const trigger = this.#read(inner);
    this.#addStep(inner, trigger, true);
    if (trigger !== undefined) this.#stages.at(-1)?.triggers.push(trigger);
  }

  finish(): readonly LintStage[] {
    this.#close();
    const last = this.#stages.at(-1);
    if (last !== undefined) last.isFinal = true;
    return this.#stages;
  }

  #read(node: SyntaxNode): Instruction | undefined {
    try {
      return readInstruction(node, { isExtended: this.#isExtended });
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  #addStep(node: SyntaxNode, instruction: Instruction | undefined, isTrigger: boolean): void {
    const stage = this.#stages.at(-1);
    const script = instruction?.kind === 'run' ? this.#script(node, stage) : undefined;
    const step: Step = {
      node,
      name: node.name,
      instruction,
      isTrigger,
      stage,
      before: this.#state,
      ...(script === undefined ? {} : { script }),
    };
    this.steps.push(step);
    stage?.steps.push(step);
  }

  #open(node: SyntaxNode, from: FromInstruction | undefined): void {
    if (this.#stages.length === 0) this.#globals = this.#state;
    const baseText = from === undefined ? '' : this.#expand(from.base.text, this.#globals);
    const base = this.#stages.findLast(({ name }) => name !== '' && name === baseText.toLowerCase());
    const stage: OpenStage = {
      index: this.#stages.length,
      name: from?.name ?? '',
      node,
      from,
      baseText,
      base,
      rootImage: base?.rootImage ?? (baseText.toLowerCase() === 'scratch' ? '' : baseText),
      isFinal: false,
      steps: [],
      triggers: [],
      after: NOTHING,
    };
    this.#stages.push(stage);
    this.#state = NOTHING;
    if (base === undefined) return;
    this.#state = base.after;
    for (const trigger of base.triggers) this.#state = this.#after(this.#state, trigger);
  }

  #close(): void {
    const stage = this.#stages.at(-1);
    if (stage !== undefined) stage.after = this.#state;
  }

  #expand(text: string, { variables }: StageState): string {
    try {
      return expandWord(text, (name) => variables.get(name), { escape: this.#escape, keepUnset: true }).text;
    } catch (error) {
      if (error instanceof ExpansionError) return text;
      throw error;
    }
  }

  /** The text, where all of its variables are known. */
  #value(text: string, { variables }: StageState): string | undefined {
    try {
      const expansion = expandWord(text, (name) => variables.get(name), { escape: this.#escape, keepUnset: true });
      return expansion.unmatched.size === 0 ? expansion.text : undefined;
    } catch (error) {
      if (error instanceof ExpansionError) return undefined;
      throw error;
    }
  }

  #after(state: StageState, instruction: Instruction): StageState {
    switch (instruction.kind) {
      case 'arg': {
        const values = instruction.args.map(({ name, value }): readonly [string, string | undefined] => [
          name,
          value === undefined ? this.#globals.variables.get(name) : this.#value(value, state),
        ]);
        const unset = values.filter(([name]) => !state.environment.has(name));
        return { ...state, variables: withValues(state.variables, unset) };
      }
      case 'env': {
        const values = instruction.pairs.map(({ name, value }): readonly [string, string | undefined] => [
          this.#expand(name.text, state),
          this.#value(value.text, state),
        ]);
        const environment = new Set([...state.environment, ...values.map(([name]) => name)]);
        return { ...state, environment, variables: withValues(state.variables, values) };
      }
      case 'shell':
        return { ...state, shell: instruction.shell };
      case 'user':
        return { ...state, user: this.#setting(instruction.user, instruction.node, state) };
      case 'workdir':
        return { ...state, workdir: this.#setting(instruction.path, instruction.node, state) };
      default:
        return state;
    }
  }

  #setting(word: Word, node: SyntaxNode, state: StageState): Setting {
    return { text: this.#expand(word.text, state), word, node };
  }

  #script(node: SyntaxNode, stage: LintStage | undefined): Script | undefined {
    const state = this.#state;
    const line = bodyLine(node);
    const options = {
      lookup: (name: string) => state.variables.get(name),
      hasPipefail: (state.shell ?? []).includes('pipefail'),
    };
    if (node.body.kind === 'json') return readCommand(jsonFields(line), line, { ...options, hasPipefail: false });
    const isWindows = this.#escape === '`' || WINDOWS_BASE.test(stage?.rootImage ?? '');
    const [program] = state.shell ?? (isWindows ? ['cmd'] : ['sh']);
    const [first] = node.heredocs;
    if (first !== undefined && readHeredocMark(line.text) !== undefined) {
      const interpreter = /^#![ \t]*(\S+)(?:[ \t]+(\S+))?/.exec(first.content);
      const [, path = '', argument = ''] = interpreter ?? [];
      const reader = interpreter === null ? program : path.endsWith('/env') ? argument : path;
      if (shellKind(reader ?? '') !== 'posix') return undefined;
      const content = new LogicalLine();
      content.append(first.content, first.start);
      const own = interpreter === null ? options : { ...options, hasPipefail: false };
      return readScript(content, { ...own, isHeredoc: true });
    }
    if (shellKind(program ?? '') !== 'posix') return undefined;
    for (const { content, start, name } of node.heredocs) {
      line.append('\n', start - 1);
      line.append(`${content}${name}`, start);
    }
    return readScript(line, options);
  }
}

/** What hadolint is told of the shell of a base image: `# hadolint shell=/bin/bash` above an instruction. */
function pragmaShell({ comments }: SyntaxNode): string | undefined {
  const found = comments.map((comment) => /^hadolint\s+shell\s*=\s*(\S+)/i.exec(comment)?.[1]);
  return found.findLast((shell) => shell !== undefined);
}

function withValues(
  before: ReadonlyMap<string, string>,
  values: readonly (readonly [string, string | undefined])[],
): ReadonlyMap<string, string> {
  const after = new Map(before);
  for (const [name, value] of values) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  return after;
}

/** What stands behind the keyword and the flags of an instruction, without the blanks around it. */
export function bodyLine({ line, at, body, text }: SyntaxNode): LogicalLine {
  const first =
    body.kind === 'text' ? body.word : body.kind === 'json' || body.kind === 'words' ? body.words[0] : undefined;
  const { end } = trimmedBounds(text);
  let start = 0;
  while (start < end && first !== undefined && line.sourceOffset(at + start) < first.start) start++;
  return line.slice(at + (first === undefined ? end : start), at + end);
}

/** The strings of a JSON list, each with its place (that of what stands between its quotes). */
export function jsonFields(line: LogicalLine): Field[] {
  return [...line.text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => {
    const raw = match[1] ?? '';
    const span = line.span(match.index + 1, match.index + 1 + raw.length);
    return { text: unescapeJson(raw), isKnown: true, isQuoted: true, ...span };
  });
}

function unescapeJson(raw: string): string {
  try {
    const value: unknown = JSON.parse(`"${raw}"`);
    return typeof value === 'string' ? value : raw;
  } catch {
    return raw;
  }
}
