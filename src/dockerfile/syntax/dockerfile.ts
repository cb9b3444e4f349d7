import { isUtf8 } from 'node:buffer';
import { diagnosticAt, Refusal, type Diagnostic } from './diagnostics.ts';
import type { Directive } from './directives.ts';
import type { ArgInstruction, Command, FromInstruction, Instruction } from './instructions.ts';
import { parseSyntax, type ParserStart } from './parse.ts';
import { readInstruction } from './read-instruction.ts';
import { decodeSource, sourceOf, type Source, type Span } from './source.ts';
import type { SyntaxNode } from './tree.ts';

/** One FROM with what follows it. */
export interface StageSyntax {
  readonly from: FromInstruction;
  readonly commands: readonly Command[];
}

/** A file read as far as it can be without building: its shape, its instructions, its stages. */
export interface Dockerfile {
  readonly source: Source;
  readonly directives: readonly Directive[];
  readonly escape: string;
  /** True with `# shale:extensions` above the first instruction. */
  readonly isExtended: boolean;
  readonly nodes: readonly SyntaxNode[];
  /** The last lines of instructions that go on over an empty line. */
  readonly emptyContinuations: readonly Span[];
  /** ARG before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly StageSyntax[];
  /** In the order in which they were met; the first error is the one that the reference reports. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Bytes of a Dockerfile that are read; whoever loads one from a disk or a stream stops there. */
export const DOCKERFILE_MAX_BYTES: number = 16 * 1024 * 1024;

/**
 * Reads a Dockerfile. Never throws: whatever is wrong stands in `diagnostics`. `name` is for messages, `start` what the
 * file is taken to say before its first line.
 */
export function parseDockerfile(
  content: string | Uint8Array,
  name = 'Dockerfile',
  start: ParserStart = {},
): Dockerfile {
  if (typeof content === 'string') return parseSource(sourceOf(name, content), start);
  const source = sourceOf(name, decodeSource(content));
  return parseSource(isUtf8(content) ? source : { ...source, bytes: content }, start);
}

/** As `parseDockerfile`, of a text that may be put together of several files. */
export function parseSource(source: Source, start: ParserStart = {}): Dockerfile {
  const { diagnostics, ...syntax } = parseSyntax(source, start);
  const { nodes } = syntax;
  const sources = [source, ...(source.sections ?? []).map((section) => section.source)];
  const garbled = sources.some(({ bytes }) => bytes !== undefined) ? garbledNodes(source, nodes) : [];
  const reader = new StageReader(source, syntax.isExtended);
  for (const node of nodes) reader.add(node);
  return {
    source,
    ...syntax,
    globalArgs: reader.globalArgs,
    stages: reader.stages,
    diagnostics: [...diagnostics, ...garbled, ...reader.diagnostics],
  };
}

/** Bytes that are no text do no harm in comments; in an instruction nobody can say which file or word they mean. */
function garbledNodes(source: Source, nodes: readonly SyntaxNode[]): Diagnostic[] {
  const message = 'the instruction is not in UTF-8';
  return nodes
    .filter((node) => node.text.includes('\ufffd') || node.heredocs.some(({ content }) => content.includes('\ufffd')))
    .map((node) =>
      diagnosticAt(source, node, { severity: 'error', phase: 'parse' }, { code: 'TEXT_ENCODING', message }),
    );
}

/** True when the file cannot be built. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

class StageReader {
  readonly globalArgs: ArgInstruction[] = [];
  readonly stages: { readonly from: FromInstruction; readonly commands: Command[] }[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly #source: Source;
  /** After a FROM that could not be read, what follows has a stage all the same. */
  #lostStage = false;

  readonly #isExtended: boolean;

  constructor(source: Source, isExtended: boolean) {
    this.#source = source;
    this.#isExtended = isExtended;
  }

  add(node: SyntaxNode): void {
    try {
      this.#place(readInstruction(node, { isExtended: this.#isExtended }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (node.name === 'from') this.#lostStage = true;
      const span = error.span ?? node;
      this.diagnostics.push(
        diagnosticAt(this.#source, span, { severity: 'error', phase: 'instructions' }, error.fault),
      );
    }
  }

  #place(instruction: Instruction): void {
    const stage = this.stages.at(-1);
    if (instruction.kind === 'from') {
      this.stages.push({ from: instruction, commands: [] });
      this.#lostStage = false;
    } else if (this.#lostStage) return;
    else if (stage !== undefined) stage.commands.push(instruction);
    else if (instruction.kind === 'arg') this.globalArgs.push(instruction);
    else if (instruction.kind === 'include') return;
    else {
      const message = `${instruction.node.keyword.text} stands before the first FROM, where only ARG can stand`;
      throw new Refusal('STAGE_MISSING', message, instruction.node.keyword);
    }
  }
}
