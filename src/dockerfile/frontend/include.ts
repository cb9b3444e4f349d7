import { posix } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import type { Platform } from '../../oci/index.ts';
import { Refusal, diagnosticAt } from '../syntax/diagnostics.ts';
import { DOCKERFILE_MAX_BYTES, parseDockerfile, parseSource, type Dockerfile } from '../syntax/dockerfile.ts';
import type { IncludeInstruction } from '../syntax/instructions.ts';
import { readInstruction } from '../syntax/read-instruction.ts';
import { sourceOf, type Section, type Source, type Span } from '../syntax/source.ts';
import type { SyntaxNode, Word } from '../syntax/tree.ts';
import { ArgScope } from './arg-scope.ts';
import { addGlobalArgs, platformArgs, type BuildArgs } from './arguments.ts';
import type { Environment } from './environment.ts';
import { planDiagnostic, refused } from './failures.ts';

/** Files within files within … that are followed. */
const DEPTH_MAX = 16;
/** Files that one Dockerfile may take in, all together. */
const FILES_MAX = 1000;

const PARSE_ERROR = { severity: 'error', phase: 'parse' } as const;
const WHOLE: Span = { start: 0, end: 0 };

export interface IncludeOptions {
  /** The bytes of a file, by its path from the Dockerfile's folder; undefined when there is none. */
  read(path: string): Uint8Array | undefined;
  readonly buildArgs: BuildArgs;
  readonly platform: Platform;
  readonly target: string | undefined;
}

/**
 * Puts the lines of included files in the place of INCLUDE. Paths go from the file that names them and may have ARGs that
 * are in scope there; what is included sees the ARGs of its place, and sets them for what follows. Places of the result
 * lead to the files that the lines are from.
 * @throws DOCKERFILE_INVALID
 */
export function resolveIncludes(dockerfile: Dockerfile, options: IncludeOptions): Dockerfile {
  // What is wrong with an instruction is said of the whole: FROM may stand in a file that is included.
  const isShapeless = dockerfile.diagnostics.some(({ phase }) => phase === 'parse');
  if (!dockerfile.isExtended || isShapeless || dockerfile.nodes.every(({ name }) => name !== 'include'))
    return dockerfile;
  const includer = new Includer(options, dockerfile);
  includer.take(dockerfile, '', []);
  return includer.result();
}

class Includer {
  readonly #options: IncludeOptions;
  readonly #root: Dockerfile;
  readonly #globals: Environment;
  readonly #sections: Section[] = [];
  readonly #texts: string[] = [];
  #scope: ArgScope | undefined;
  #lines = 0;
  #files = 0;
  #characters = 0;

  constructor(options: IncludeOptions, root: Dockerfile) {
    this.#options = options;
    this.#root = root;
    const { platform, target = '', buildArgs } = options;
    this.#globals = platformArgs(platform, platform, target, buildArgs);
  }

  result(): Dockerfile {
    const text = this.#texts.join('');
    const { bytes: _, ...source } = { ...this.#root.source, ...sourceOf(this.#root.source.name, text) };
    return parseSource({ ...source, sections: this.#sections });
  }

  /** Adds a file; `folder` is where it lies, `path` the files that led to it. */
  take(dockerfile: Dockerfile, folder: string, path: readonly string[]): void {
    let next = 1;
    for (const node of dockerfile.nodes) {
      try {
        const include = this.#pass(node);
        if (include === undefined) continue;
        this.#add(dockerfile.source, next, node.firstLine - 1);
        next = node.lastLine + 1;
        for (const word of include.paths) this.#include(word, folder, path);
      } catch (error) {
        const diagnostic = planDiagnostic(error, dockerfile);
        throw diagnostic === undefined ? error : refused(dockerfile, [diagnostic]);
      }
    }
    this.#add(dockerfile.source, next, dockerfile.source.lineStarts.length);
  }

  /** Goes past an instruction: ARGs are set, FROM begins a stage. An INCLUDE comes back. @throws Refusal */
  #pass(node: SyntaxNode): IncludeInstruction | undefined {
    if (node.name !== 'include' && node.name !== 'arg' && node.name !== 'from') return undefined;
    const instruction = readInstruction(node, { isExtended: true });
    const { escape } = this.#root;
    const { buildArgs } = this.#options;
    if (instruction.kind === 'include') return instruction;
    // A path may name the ARGs before the first FROM too, as FROM itself may.
    if (instruction.kind === 'from') this.#scope = new ArgScope(this.#globals, buildArgs, escape, this.#globals.copy());
    else if (this.#scope !== undefined) this.#scope.pass(instruction);
    else if (instruction.kind === 'arg') addGlobalArgs(this.#globals, [instruction], buildArgs, escape);
    return undefined;
  }

  #include(word: Word, folder: string, path: readonly string[]): void {
    const scope = this.#scope ?? new ArgScope(this.#globals, this.#options.buildArgs, this.#root.escape, this.#globals);
    const text = scope.expand(word.text, word);
    const name = posix.normalize(posix.join(folder, text));
    const refuse = (why: string, hint?: string): Refusal =>
      new Refusal('INCLUDE', `${JSON.stringify(text)} ${why}`, word, hint);
    if (text === '') throw refuse('is no path');
    if (posix.isAbsolute(text)) throw refuse('is absolute, and INCLUDE takes a path from the file that it stands in');
    if (path.includes(name)) throw refuse(`includes itself: ${[...path, name].join(' → ')}`);
    if (path.length >= DEPTH_MAX) throw refuse(`is included more than ${DEPTH_MAX} files deep`);
    if (++this.#files > FILES_MAX) throw refuse(`is one of more than ${FILES_MAX} files that are included`);
    const bytes = this.#options.read(name);
    if (bytes === undefined)
      throw refuse('is not there', `paths go from the folder of ${path.at(-1) ?? 'the Dockerfile'}`);
    this.take(this.#parse(bytes, name), posix.dirname(name), [...path, name]);
  }

  /** @throws DOCKERFILE_INVALID for a file whose shape would take in what stands after INCLUDE */
  #parse(bytes: Uint8Array, name: string): Dockerfile {
    const { escape } = this.#root;
    // The first line says what the directives of the Dockerfile say, and belongs to no file.
    const parsed = parseDockerfile(bytes, name, { escape, isExtended: true });
    const faults = parsed.diagnostics.filter(({ phase, code }) => phase === 'parse' && code !== 'FILE_EMPTY');
    if (faults.length > 0) throw refused(parsed, faults);
    const last = parsed.nodes.at(-1);
    const refuse = (message: string, span: Span): ShaleError =>
      refused(parsed, [diagnosticAt(parsed.source, span, PARSE_ERROR, { code: 'INCLUDE', message })]);
    if (parsed.escape !== escape) {
      throw refuse('an included file has the escape character of the Dockerfile', parsed.directives[0] ?? WHOLE);
    }
    if (last !== undefined && goesOn(parsed, last, escape)) {
      throw refuse('the last instruction goes on after the end of the file', last);
    }
    return parsed;
  }

  #add(source: Source, firstLine: number, lastLine: number): void {
    if (lastLine < firstLine) return;
    const start = source.lineStarts[firstLine - 1] ?? source.text.length;
    const text = source.text.slice(start, source.lineStarts[lastLine] ?? source.text.length);
    if (text === '') return;
    const whole = text.endsWith('\n') ? text : `${text}\n`;
    this.#characters += whole.length;
    if (this.#characters > DOCKERFILE_MAX_BYTES) {
      const message = `with what it includes ${this.#root.source.name} is longer than ${DOCKERFILE_MAX_BYTES} characters`;
      throw new ShaleError('LIMIT_EXCEEDED', message, { data: { max: DOCKERFILE_MAX_BYTES } });
    }
    this.#sections.push({ firstLine: this.#lines + 1, source, line: firstLine });
    this.#texts.push(whole);
    this.#lines += whole.split('\n').length - 1;
  }
}

/** True when the file ends with a continuation mark: after its last instruction only comments can stand. */
function goesOn({ source }: Dockerfile, last: SyntaxNode, escape: string): boolean {
  return last.heredocs.length === 0 && source.text.slice(last.end).trimStart().startsWith(escape);
}
