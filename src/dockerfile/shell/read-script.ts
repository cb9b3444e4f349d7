import { LogicalLine } from '../syntax/logical-line.ts';
import type { Span } from '../syntax/source.ts';
import { fieldsOf, oneField } from './fields.ts';
import {
  parseShell,
  type Assignment,
  type Command,
  type CompoundList,
  type HereDoc,
  type HereString,
  type Redirect,
  type ShellNode,
  type ShellTree,
  type ShellWord,
  type Statement,
  type WordPart,
} from './grammar.ts';
import {
  programName,
  shellKind,
  type Field,
  type Invocation,
  type PipelineUse,
  type Redirection,
  type Script,
  type ScriptError,
  type StatementUse,
} from './script.ts';
import { Variables } from './variables.ts';
import { unwrap } from './wrappers.ts';

export interface ScriptOptions {
  /** What is known of variables that the script has from outside. */
  readonly lookup: (name: string) => string | undefined;
  /** The shell that reads it was started with `-o pipefail`. */
  readonly hasPipefail: boolean;
  readonly isHeredoc?: boolean;
}

/** Scripts within scripts that are followed: `sh -c "sh -c …"`. */
const DEPTH_MAX = 8;

/** Reads shell text. Never throws; what is wrong stands in `errors`. */
export function readScript(line: LogicalLine, options: ScriptOptions): Script {
  const reader = new ScriptReader(options.hasPipefail);
  const statements = reader.readText(line, new Variables(options.lookup), 0);
  return {
    text: line.text,
    form: 'shell',
    isHeredoc: options.isHeredoc ?? false,
    invocations: reader.invocations,
    pipelines: reader.pipelines,
    statements,
    errors: reader.errors,
    line,
  };
}

/** Reads the words of a command that is started without a shell; a script among them (`sh -c TEXT`) is read as well. */
export function readCommand(words: readonly Field[], line: LogicalLine, options: ScriptOptions): Script {
  const reader = new ScriptReader(options.hasPipefail);
  reader.addWords(words, { redirections: [], assignments: new Map() }, CALM, 'json');
  const statements: StatementUse[] = [
    { ...spanOf(words), joint: '', invocations: reader.invocations, isBackground: false },
  ];
  return {
    text: line.text,
    form: 'json',
    isHeredoc: false,
    invocations: reader.invocations,
    pipelines: reader.pipelines,
    statements,
    errors: reader.errors,
    line,
  };
}

interface Place {
  readonly isConditional: boolean;
  readonly isSubshell: boolean;
  readonly depth: number;
}

const CALM: Place = { isConditional: false, isSubshell: false, depth: 0 };

/** What belongs to a command beside its words. */
interface Belongings {
  readonly redirections: readonly Redirection[];
  readonly assignments: ReadonlyMap<string, Field>;
}

class ScriptReader {
  readonly invocations: Invocation[] = [];
  readonly pipelines: PipelineUse[] = [];
  readonly errors: ScriptError[] = [];
  #hasPipefail: boolean;
  #line = new LogicalLine();
  /** The place of everything, where a text is not in the file as it is read. */
  #fixed: Span | undefined;

  constructor(hasPipefail: boolean) {
    this.#hasPipefail = hasPipefail;
  }

  /** Reads `line` as a script of its own; gives its statements. */
  readText(line: LogicalLine, variables: Variables, depth: number, place: Place = CALM): StatementUse[] {
    const outer = this.#line;
    this.#line = line;
    const tree = parseShell(line.text);
    for (const { message, pos } of tree.errors ?? []) this.errors.push({ message, ...this.#span(pos, pos + 1) });
    const statements = this.#statements(tree, variables, { ...place, depth });
    this.#line = outer;
    return statements;
  }

  #statements(tree: ShellTree, variables: Variables, place: Place): StatementUse[] {
    const uses: StatementUse[] = [];
    for (const { command, background } of tree.commands) {
      const parts = command.type === 'AndOr' ? command.commands : [command];
      const joints = command.type === 'AndOr' ? command.operators : [];
      for (const [index, part] of parts.entries()) {
        const joint = index === 0 ? (uses.length === 0 ? '' : ';') : (joints[index - 1] ?? ';');
        const before = this.invocations.length;
        this.#visit(part, variables, joint === '||' ? { ...place, isConditional: true } : place);
        uses.push({
          ...this.#span(part.pos, part.end),
          joint,
          invocations: this.invocations.slice(before),
          isBackground: background === true,
        });
      }
    }
    return uses;
  }

  #span(from: number, to: number): Span {
    return this.#fixed ?? this.#line.span(from, to);
  }

  #list(list: CompoundList | readonly Statement[], variables: Variables, place: Place): void {
    const statements: readonly Statement[] = 'type' in list ? list.commands : list;
    for (const { command } of statements) this.#visit(command, variables, place);
  }

  /** What perhaps runs: variables that it sets are unknown afterwards. */
  #branch(list: CompoundList, variables: Variables, place: Place): void {
    const copy = variables.copy();
    this.#list(list, copy, { ...place, isConditional: true });
    variables.forget(copy);
  }

  #visit(node: ShellNode, variables: Variables, place: Place): void {
    switch (node.type) {
      case 'Command':
        return this.#command(node, variables, place);
      case 'AndOr':
        for (const [index, part] of node.commands.entries()) {
          const isElse = index > 0 && node.operators[index - 1] === '||';
          this.#visit(part, variables, isElse ? { ...place, isConditional: true } : place);
        }
        return;
      case 'Pipeline': {
        const isPipe = node.commands.length > 1;
        if (isPipe) {
          this.pipelines.push({
            ...this.#span(node.pos, node.end),
            names: node.commands.map((part) =>
              part.type === 'Command' && part.name !== undefined ? programName(part.name.value) : '',
            ),
            hasPipefail: this.#hasPipefail,
            isNegated: node.prefixes.some(({ type }) => type === 'Negation'),
          });
        }
        for (const part of node.commands) {
          this.#visit(part, isPipe ? variables.copy() : variables, isPipe ? { ...place, isSubshell: true } : place);
        }
        return;
      }
      case 'Subshell':
        return this.#list(node.body, variables.copy(), { ...place, isSubshell: true });
      case 'BraceGroup':
      case 'CompoundList':
        return this.#list(node.type === 'BraceGroup' ? node.body : node, variables, place);
      case 'Redirected':
        this.#visit(node.command, variables, place);
        for (const redirect of node.redirects) this.#redirection(redirect, variables, place);
        return;
      case 'If':
        this.#list(node.clause, variables, place);
        this.#branch(node.then, variables, place);
        for (const { clause, then } of node.elif) {
          this.#branch(clause, variables, place);
          this.#branch(then, variables, place);
        }
        if (node.else !== undefined) this.#branch(node.else, variables, place);
        return;
      case 'While':
        this.#branch(node.clause, variables, place);
        return this.#branch(node.body, variables, place);
      case 'For':
      case 'Select':
        for (const word of node.wordlist ?? []) this.#word(word, variables, place);
        variables.set(node.name.value, undefined);
        return this.#branch(node.body, variables, place);
      case 'ArithmeticFor':
        return this.#branch(node.body, variables, place);
      case 'Case':
        this.#word(node.word, variables, place);
        for (const { body } of node.items) this.#branch(body, variables, place);
        return;
      case 'Function':
      case 'Coproc':
        return this.#visit(node.body, variables.copy(), { ...place, isConditional: true });
      default:
    }
  }

  #command(node: Command, variables: Variables, place: Place): void {
    const assignments = new Map<string, Field>();
    const redirections: Redirection[] = [];
    for (const part of node.prefix) {
      if (part.type !== 'Assignment') redirections.push(this.#redirection(part, variables, place));
      else if (node.name === undefined) this.#assign(part, variables, place);
      else if (part.value.type === 'Word') assignments.set(part.name, this.#one(part.value, variables, place));
    }
    if (node.name === undefined) return;
    const words = this.#word(node.name, variables, place);
    const isDeclaration = /^(?:export|readonly|local|declare|typeset)$/.test(words[0]?.text ?? '');
    for (const part of node.suffix) {
      if (part.type === 'Word') words.push(...this.#word(part, variables, place));
      else if (part.type === 'Assignment') {
        if (isDeclaration) this.#assign(part, variables, place);
        words.push(this.#assignmentField(part, variables, place));
      } else redirections.push(this.#redirection(part, variables, place));
    }
    const source = node.suffix.filter((part) => part.type === 'Word');
    this.addWords(words, { redirections, assignments }, place, 'shell', variables, [node.name, ...source]);
  }

  /** Adds the command of these words, the one that a wrapper starts, and what a shell is given to read. */
  addWords(
    words: readonly Field[],
    belongings: Belongings,
    place: Place,
    form: 'shell' | 'json',
    variables: Variables = new Variables(() => undefined),
    source: readonly ShellWord[] = [],
  ): void {
    const wrappers: string[] = [];
    for (let rest: readonly Field[] | undefined = words; rest !== undefined; rest = unwrap(rest)) {
      const [word, ...args] = rest;
      if (word === undefined) return;
      const name = programName(word.text);
      const { isConditional, isSubshell } = place;
      const span = { start: word.start, end: Math.max(word.end, ...args.map(({ end }) => end)) };
      const invocation: Invocation = {
        ...span,
        ...belongings,
        name,
        word,
        args,
        wrappers: [...wrappers],
        isConditional,
        isSubshell,
        form,
      };
      this.invocations.push(invocation);
      this.#builtin(invocation, variables, place);
      if (shellKind(name) === 'posix' && word.isKnown) this.#innerScript(invocation, source, variables, place);
      wrappers.push(name);
    }
  }

  #builtin({ name, args }: Invocation, variables: Variables, place: Place): void {
    if (name === 'set') {
      const at = args.findIndex(({ text }) => text === 'pipefail');
      const option = args[at - 1]?.text ?? '';
      if (at > 0 && /^[-+][a-zA-Z]*o$/.test(option) && !place.isSubshell) this.#hasPipefail = option.startsWith('-');
    } else if (name === 'read' || name === 'unset') {
      for (const { text } of args) variables.set(text, undefined);
    }
  }

  /** The text behind `-c`, or a heredoc on standard input. */
  #innerScript(
    { args, redirections }: Invocation,
    source: readonly ShellWord[],
    variables: Variables,
    place: Place,
  ): void {
    if (place.depth >= DEPTH_MAX) return;
    const outer = this.#hasPipefail;
    const inner: Place = { ...place, isSubshell: true };
    this.#hasPipefail = args.some(
      ({ text }, index) => text === 'pipefail' && /^-\w*o$/.test(args[index - 1]?.text ?? ''),
    );
    const at = args.findIndex(({ text }) => /^-[a-z]*c$/.test(text));
    const script = at === -1 ? undefined : args.slice(at + 1).find(({ text }) => !text.startsWith('-'));
    if (script !== undefined) {
      const line = this.#quotedLine(script, source) ?? plainLine(script);
      if (line !== undefined) this.readText(line, variables.copy(), place.depth + 1, inner);
    } else if (args.every(({ text }) => text.startsWith('-'))) {
      for (const { content } of redirections) {
        if (content === undefined) continue;
        const line = plainLine(content);
        if (line !== undefined) this.readText(line, variables.copy(), place.depth + 1, inner);
      }
    }
    this.#hasPipefail = outer;
  }

  /** The inside of a word that is one quoted text, where it is read by the inner shell as it stands in the file. */
  #quotedLine(script: Field, source: readonly ShellWord[]): LogicalLine | undefined {
    const word = source.find(({ pos, end }) => {
      const span = this.#span(pos, end);
      return span.start === script.start && span.end === script.end;
    });
    const [part] = word?.parts ?? [];
    if (word === undefined || part === undefined || word.parts?.length !== 1 || this.#fixed !== undefined) {
      return undefined;
    }
    const isPlain = part.type === 'SingleQuoted' || (part.type === 'DoubleQuoted' && !/[\\`]/.test(part.text));
    return isPlain ? this.#line.slice(part.pos + 1, part.end - 1) : undefined;
  }

  #assign(node: Assignment, variables: Variables, place: Place): void {
    const isConditional = place.isConditional || node.append === true || node.index !== undefined;
    if (node.value.type === 'Word') {
      const field = this.#one(node.value, variables, place);
      variables.set(node.name, field.isKnown && !isConditional ? [field.text] : undefined);
      return;
    }
    const items = node.value.elements.flatMap((word) => this.#word(word, variables, place));
    variables.set(
      node.name,
      items.every((item) => item.isKnown) && !isConditional ? items.map(({ text }) => text) : undefined,
    );
  }

  #assignmentField(node: Assignment, variables: Variables, place: Place): Field {
    const span = this.#span(node.pos, node.end);
    if (node.value.type !== 'Word') return { text: node.text, isKnown: false, isQuoted: false, ...span };
    const value = this.#one(node.value, variables, place);
    return { ...value, text: `${node.name}=${value.text}`, ...span };
  }

  #redirection(node: Redirect | HereDoc | HereString, variables: Variables, place: Place): Redirection {
    const span = this.#span(node.pos, node.end);
    const descriptor = node.descriptor?.type === 'FileDescriptor' ? { descriptor: node.descriptor.value } : {};
    const base = { ...span, ...descriptor, operator: node.operator };
    if (node.type !== 'HereDoc') {
      return node.target === undefined ? base : { ...base, target: this.#one(node.target, variables, place) };
    }
    this.#parts(node.body.parts ?? [], variables, place);
    const content: Field = {
      text: this.#line.text.slice(node.body.pos, node.body.end),
      isKnown: true,
      isQuoted: true,
      ...this.#span(node.body.pos, node.body.end),
    };
    return { ...base, content };
  }

  #word(word: ShellWord, variables: Variables, place: Place): Field[] {
    this.#parts(word.parts ?? [], variables, place);
    return fieldsOf(word, variables, this.#span(word.pos, word.end));
  }

  #one(word: ShellWord, variables: Variables, place: Place): Field {
    this.#parts(word.parts ?? [], variables, place);
    return oneField(word, variables, this.#span(word.pos, word.end));
  }

  /** Visits the commands that stand in a word. */
  #parts(parts: readonly WordPart[], variables: Variables, place: Place): void {
    for (const part of parts) {
      if (part.type === 'DoubleQuoted' || part.type === 'LocaleString') this.#parts(part.parts, variables, place);
      if (part.type !== 'CommandExpansion' && part.type !== 'ProcessSubstitution') continue;
      if (part.script === undefined) continue;
      const outer = this.#fixed;
      // The text between backquotes is unescaped before it is read, and has no places of its own then.
      if (part.script.source !== undefined) this.#fixed ??= this.#span(part.pos, part.end);
      this.#list(part.script.commands, variables.copy(), { ...place, isSubshell: true });
      this.#fixed = outer;
    }
  }
}

/** A text that stands in the file to the letter. */
function plainLine({ text, start, end }: Field): LogicalLine | undefined {
  if (end - start !== text.length) return undefined;
  const line = new LogicalLine();
  line.append(text, start);
  return line;
}

function spanOf(words: readonly Field[]): Span {
  return { start: words[0]?.start ?? 0, end: words.at(-1)?.end ?? 0 };
}
