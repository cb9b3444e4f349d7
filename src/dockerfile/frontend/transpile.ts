import { diagnosticAt, Refusal, type Diagnostic, type Fault } from '../syntax/diagnostics.ts';
import { hasErrors, type Dockerfile, type StageSyntax } from '../syntax/dockerfile.ts';
import type {
  Command,
  CopyInstruction,
  AddInstruction,
  RunInstruction,
  SquashInstruction,
  UnsetInstruction,
} from '../syntax/instructions.ts';
import { EXTENSIONS_MARK } from '../syntax/parse.ts';
import { chompHeredoc, readHeredocMark } from '../syntax/heredocs.ts';
import { lineText, type Span } from '../syntax/source.ts';
import { isJsonForm, type Word } from '../syntax/tree.ts';
import { ArgScope } from './arg-scope.ts';
import { addGlobalArgs, platformArgs } from './arguments.ts';
import { planFailure, refused } from './failures.ts';
import type { IncludeOptions } from './include.ts';
import { optionalPattern } from './optional-source.ts';
import { stopAtError } from './stop-at-error.ts';

/** A plain Dockerfile, with what it does not say as the extended one does. */
export interface Transpiled {
  readonly text: string;
  readonly notes: readonly Diagnostic[];
}

const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

/**
 * Writes an extended Dockerfile, whose INCLUDEs were resolved, in the plain language; what is plain already stays as it is.
 * ARGs in `COPY --from` become what they are with these build arguments.
 * @throws DOCKERFILE_INVALID
 */
export function transpileDockerfile(dockerfile: Dockerfile, options: Omit<IncludeOptions, 'read'>): Transpiled {
  if (hasErrors(dockerfile.diagnostics)) throw refused(dockerfile, dockerfile.diagnostics);
  try {
    return new Transpiler(dockerfile, options).transpile();
  } catch (error) {
    throw planFailure(error, dockerfile);
  }
}

interface Edit extends Span {
  readonly text: string;
}

class Transpiler {
  readonly #dockerfile: Dockerfile;
  readonly #options: Omit<IncludeOptions, 'read'>;
  readonly #edits: Edit[] = [];
  readonly #notes: Diagnostic[] = [];
  readonly #scopes = new Map<string, ArgScope>();
  readonly #shells = new Map<string, readonly string[]>();

  constructor(dockerfile: Dockerfile, options: Omit<IncludeOptions, 'read'>) {
    this.#dockerfile = dockerfile;
    this.#options = options;
  }

  transpile(): Transpiled {
    const dockerfile = this.#dockerfile;
    const { platform, buildArgs, target = '' } = this.#options;
    const globals = platformArgs(platform, platform, target, buildArgs);
    addGlobalArgs(globals, dockerfile.globalArgs, buildArgs, dockerfile.escape);
    if (dockerfile.isExtended) {
      this.#dropMark();
      for (const stage of dockerfile.stages) {
        this.#stage(stage, new ArgScope(globals, buildArgs, dockerfile.escape));
      }
    }
    return { text: applyEdits(dockerfile.source.text, this.#edits), notes: this.#notes };
  }

  #dropMark(): void {
    const { source, nodes } = this.#dockerfile;
    const end = nodes[0]?.firstLine ?? 1;
    for (let line = 1; line < end; line++) {
      const text = (lineText(source, line) ?? '').trim();
      if (text.startsWith('#') && EXTENSIONS_MARK.test(text.slice(1).trim())) this.#dropLines(line, line);
    }
  }

  #stage({ from, commands }: StageSyntax, fresh: ArgScope): void {
    const below = from.base.text.toLowerCase();
    const scope = this.#scopes.get(below)?.derive() ?? fresh;
    let shell = this.#shells.get(below) ?? DEFAULT_SHELL;
    for (const command of commands) {
      scope.pass(command);
      if (command.kind === 'shell') shell = command.shell;
      this.#command(command, scope, shell);
    }
    if (from.name === '') return;
    this.#scopes.set(from.name, scope);
    this.#shells.set(from.name, shell);
  }

  #command(command: Command, scope: ArgScope, shell: readonly string[]): void {
    switch (command.kind) {
      case 'run':
        return this.#run(command, shell);
      case 'copy':
      case 'add':
        return this.#copy(command, scope);
      case 'unset':
        return this.#unset(command);
      case 'squash':
        return this.#squash(command);
      default:
    }
  }

  #run(run: RunInstruction, shell: readonly string[]): void {
    if (run.noCache) {
      this.#dropFlag(run, 'no-cache');
      this.#note(run.node, 'RUN --no-cache', 'the plain file takes the step from the cache where it can');
    }
    const [heredoc] = run.node.heredocs;
    const [line = ''] = run.command.words;
    if (heredoc === undefined || readHeredocMark(line) === undefined) return;
    const script = heredoc.chomp ? chompHeredoc(heredoc.content) : heredoc.content;
    const stopping = stopAtError(script, shell);
    if (stopping === script) return;
    // The heredoc's content is the text between the line of the instruction and its end.
    const { source } = this.#dockerfile;
    const start = source.text.indexOf(heredoc.content, run.node.keyword.end + line.length);
    this.#edits.push({ start, end: start + heredoc.content.length, text: stopping });
  }

  #copy(copy: CopyInstruction | AddInstruction, scope: ArgScope): void {
    if (copy.kind === 'copy' && copy.from !== undefined && copy.from.text.includes('$')) {
      const value = scope.expand(copy.from.text, copy.from);
      const flag = flagNamed(copy, 'from');
      if (flag !== undefined) this.#edits.push({ start: flag.start, end: flag.end, text: `--from=${value}` });
      this.#note(
        copy.node,
        `COPY --from=${copy.from.text}`,
        `the plain file says ${value}, whatever the build arguments are`,
      );
    }
    if (!copy.ifExists) return;
    this.#dropFlag(copy, 'if-exists');
    if (isJsonForm(copy.node.body)) {
      const words = [...copy.sources.map(({ text }) => this.#optional(copy, text)), copy.destination.text];
      const [{ start, end } = copy.destination] = copy.sources;
      this.#edits.push({ start, end, text: JSON.stringify(words) });
      return;
    }
    for (const { start, end, text } of copy.sources) this.#edits.push({ start, end, text: this.#optional(copy, text) });
  }

  #optional(copy: CopyInstruction | AddInstruction, source: string): string {
    const pattern = optionalPattern(source);
    if (pattern === undefined && !/^[./]*$/.test(source)) {
      this.#note(copy.node, `--if-exists for ${source}`, 'the plain file needs it');
    }
    return pattern ?? source;
  }

  #unset({ node, what, names }: UnsetInstruction): void {
    const keyword = what.toUpperCase();
    const texts = names.map(({ text }) => text);
    const { start } = node;
    const end = this.#endOfLines(node.lastLine);
    if (what === 'env' || what === 'label') {
      this.#edits.push({ start, end, text: `${keyword} ${texts.map((text) => `${text}=""`).join(' ')}` });
      this.#note(node, `UNSET ${keyword}`, 'the plain file makes them empty, and cannot take them away');
      return;
    }
    this.#edits.push({ start, end, text: `# UNSET ${keyword} ${texts.join(' ')}` });
    this.#note(node, `UNSET ${keyword}`, 'the plain file cannot take them away');
  }

  #squash({ node, what }: SquashInstruction): void {
    this.#edits.push({ start: node.start, end: this.#endOfLines(node.lastLine), text: `# ${node.text.trim()}` });
    if (what === 'begin') this.#note(node, 'SQUASH', 'the plain file keeps the layers apart');
  }

  #dropFlag(instruction: RunInstruction | CopyInstruction | AddInstruction, name: string): void {
    const flag = flagNamed(instruction, name);
    if (flag === undefined) return;
    const { text } = this.#dockerfile.source;
    let { end } = flag;
    while (text[end] === ' ' || text[end] === '\t') end++;
    this.#edits.push({ start: flag.start, end, text: '' });
  }

  #dropLines(first: number, last: number): void {
    const { lineStarts, text } = this.#dockerfile.source;
    this.#edits.push({ start: lineStarts[first - 1] ?? 0, end: lineStarts[last] ?? text.length, text: '' });
  }

  #endOfLines(last: number): number {
    const { source } = this.#dockerfile;
    return (source.lineStarts[last - 1] ?? 0) + (lineText(source, last) ?? '').length;
  }

  #note(span: Span, what: string, message: string): void {
    const fault: Fault = { code: 'TRANSPILE', message: `${what}: ${message}` };
    this.#notes.push(diagnosticAt(this.#dockerfile.source, span, { severity: 'warning', phase: 'plan' }, fault));
  }
}

function flagNamed({ node }: Pick<Command, 'node'>, name: string): Word | undefined {
  return node.flags.find(({ text }) => text === `--${name}` || text.startsWith(`--${name}=`));
}

/** The text with parts replaced; the parts do not overlap. */
function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = '';
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    if (edit.start < at) throw new Refusal('TRANSPILE', 'two changes at one place', edit);
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}
