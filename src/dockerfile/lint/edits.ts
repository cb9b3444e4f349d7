import { readScript } from '../shell/read-script.ts';
import type { LogicalLine } from '../syntax/logical-line.ts';
import { lineText, type Span } from '../syntax/source.ts';
import type { SyntaxNode, Word } from '../syntax/tree.ts';
import type { LintFile, LintStage, Step } from './file.ts';
import { insertion, type TextEdit } from './fix.ts';

/** What stands there in the file. */
export function textOf({ dockerfile }: LintFile, { start, end }: Span): string {
  return dockerfile.source.text.slice(start, end);
}

/** Takes an instruction out with its lines; at the end of a file without a newline the one before goes. */
export function deletedLines({ dockerfile: { source } }: LintFile, node: SyntaxNode): TextEdit {
  const start = source.lineStarts[node.firstLine - 1] ?? 0;
  const end = source.lineStarts[node.lastLine];
  return end === undefined
    ? { start: Math.max(0, start - 1), end: source.text.length, text: '' }
    : { start, end, text: '' };
}

/** The empty lines between two lines (both excluded), each taken out. */
export function emptyLinesGone({ dockerfile: { source } }: LintFile, after: number, before: number): TextEdit[] {
  const edits: TextEdit[] = [];
  for (let line = after + 1; line < before; line++) {
    const end = source.lineStarts[line];
    if ((lineText(source, line) ?? '').trim() !== '' || end === undefined) continue;
    edits.push({ start: source.lineStarts[line - 1] ?? 0, end, text: '' });
  }
  return edits;
}

/** A list of words in JSON form, as people write one. */
export function jsonList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(', ')}]`;
}

/** Programs that only a shell has, or that mean something else without one. */
const BUILTINS = /^(?:cd|source|\.|set|export|unset|eval|alias|trap|ulimit|umask|wait|if|for|while|case|test|\[|:)$/;

/** The words of a command that needs no shell: one program, nothing to expand, to redirect or to join. */
export function plainWords(line: LogicalLine): readonly string[] | undefined {
  const { statements, invocations, errors, pipelines } = readScript(line, {
    lookup: () => undefined,
    hasPipefail: false,
  });
  const [statement] = statements;
  if (statements.length !== 1 || pipelines.length > 0 || errors.length > 0 || statement?.isBackground !== false) {
    return undefined;
  }
  const first = invocations.find(({ name }) => name !== 'exec') ?? invocations[0];
  if (first === undefined || invocations[0]?.redirections.length !== 0 || invocations[0].assignments.size > 0) {
    return undefined;
  }
  const words = [first.word, ...first.args];
  const isPlain = words.every(({ text, isKnown, isQuoted }) => isKnown && (isQuoted || !/[*?[{~#]/.test(text)));
  return isPlain && !BUILTINS.test(first.name) ? words.map(({ text }) => text) : undefined;
}

/** Builtins that change what the following commands of the same shell find. */
const LASTING = /^(?:cd|set|export|unset|umask|shopt|alias|trap|exec|exit|source|\.|pushd|popd|ulimit|eval)$/;

/**
 * Joins two RUNs that follow each other into one that does the same; undefined where that is not certain: other flags,
 * heredocs, JSON form, `||` or `;` in the second, something in the first that lasts.
 */
export function mergeRuns(file: LintFile, first: Step, second: Step): TextEdit[] | undefined {
  const { escape } = file.dockerfile;
  const [a, b] = [first.script, second.script];
  if (a === undefined || b === undefined || first.isTrigger || second.isTrigger) return undefined;
  if ([a, b].some(({ form, errors, isHeredoc }) => form !== 'shell' || errors.length > 0 || isHeredoc))
    return undefined;
  if (first.node.heredocs.length + second.node.heredocs.length > 0) return undefined;
  if (flagsOf(first) !== flagsOf(second)) return undefined;
  if (a.statements.some(({ isBackground }) => isBackground)) return undefined;
  if (b.statements.some(({ joint, isBackground }) => isBackground || joint === '||' || joint === ';')) return undefined;
  if (a.invocations.some(({ name, isSubshell }) => !isSubshell && LASTING.test(name))) return undefined;
  if (/(?:^|[;&|]\s*)[A-Za-z_]\w*=\S*\s*(?:$|[;&|])/.test(a.text)) return undefined;
  const end = a.statements.at(-1)?.end;
  const start = b.statements[0]?.start;
  if (end === undefined || start === undefined || end !== first.node.end) return undefined;
  return [
    insertion(end, ` ${escape}`),
    ...emptyLinesGone(file, first.node.lastLine, second.node.firstLine),
    { start: second.node.start, end: start, text: '    && ' },
  ];
}

function flagsOf({ node }: Step): string {
  return node.flags.map(({ text }) => text).join('\n');
}

/** The words that name a stage, in FROM, COPY --from and mounts: from the stage's own line on. */
export function stageReferences(file: LintFile, stage: LintStage): Span[] {
  const spans: Span[] = [];
  for (const { instruction, stage: where } of file.steps) {
    if (where === undefined || where.index <= stage.index) continue;
    if (instruction?.kind === 'from' && where.base === stage) spans.push(instruction.base);
    if (instruction?.kind === 'copy' && instruction.from?.text.toLowerCase() === stage.name) {
      spans.push(valueSpan(file, instruction.from));
    }
    if (instruction?.kind !== 'run') continue;
    for (const mount of instruction.mounts) {
      const text = textOf(file, mount);
      const match = /([=,]from=)([^,\s]+)/.exec(text);
      if (match?.[2]?.toLowerCase() !== stage.name) continue;
      const start = mount.start + match.index + (match[1]?.length ?? 0);
      spans.push({ start, end: start + match[2].length });
    }
  }
  return spans;
}

/** Where the value of a flag `--name=value` stands. */
export function valueSpan(file: LintFile, flag: Word): Span {
  const equals = textOf(file, flag).indexOf('=');
  return { start: flag.start + equals + 1, end: flag.end };
}

/** Takes a flag out with the blank behind it. */
export function deletedFlag(file: LintFile, flag: Span): TextEdit {
  const blank = /^[ \t]*/.exec(file.dockerfile.source.text.slice(flag.end))?.[0] ?? '';
  return { start: flag.start, end: flag.end + blank.length, text: '' };
}
