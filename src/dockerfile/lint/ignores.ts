import { parseCheckOptions } from './build-checks/options.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import { trimSpace } from '../syntax/characters.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import { lineText, type Span } from '../syntax/source.ts';

/** A comment that keeps rules silent. */
export interface Ignore {
  /** Names as written: ids of ours or of others; `all`. */
  readonly rules: readonly string[];
  readonly reason: string;
  /** Lines for which it holds, counted from 1, both included. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly span: Span;
  /** Others read it too, so that it may mean something that is not found here. */
  readonly isForeign: boolean;
}

const OURS = /^#\s*shale:ignore(-file|-start|-end)?(?:\s+(.*))?$/i;
const HADOLINT = /^#\s*hadolint\s+(?:(global)\s+)?ignore\s*=\s*(.*)$/i;
const CHECK = /^#\s*check\s*=\s*(.*)$/i;

/**
 * The ignores of a file: `# shale:ignore RULES -- reason` for the instruction below, or inside of one for the next line;
 * `shale:ignore-file`; `shale:ignore-start` to `shale:ignore-end`; hadolint's `# hadolint ignore=` and `global ignore=`;
 * BuildKit's `# check=skip=`.
 */
export function readIgnores(dockerfile: Dockerfile): Ignore[] {
  const { source } = dockerfile;
  const ignores: Ignore[] = [];
  const open: Ignore[] = [];
  const last = source.lineStarts.length;
  for (let line = 1; line <= last; line++) {
    const raw = lineText(source, line) ?? '';
    if (!raw.trimStart().startsWith('#')) continue;
    const start = (source.lineStarts[line - 1] ?? 0) + (raw.length - raw.trimStart().length);
    const span = { start, end: start + raw.trim().length };
    const found = readComment(raw.trim(), line === 1 || isDirective(dockerfile, span));
    if (found === undefined) continue;
    const ignore: Ignore = { ...found, span, firstLine: line, lastLine: last };
    if (found.scope === 'file') ignores.push({ ...ignore, firstLine: 1 });
    else if (found.scope === 'next') ignores.push({ ...ignore, ...linesBelow(dockerfile, line) });
    else if (found.scope === 'start') open.push(ignore);
    else {
      const begun = open.findLast(({ rules }) => found.rules.length === 0 || rules.join() === found.rules.join());
      if (begun === undefined) continue;
      open.splice(open.indexOf(begun), 1);
      ignores.push({ ...begun, lastLine: line });
    }
  }
  return [...ignores, ...open];
}

type Scope = 'file' | 'next' | 'start' | 'end';

function readComment(
  text: string,
  isDirective: boolean,
): (Pick<Ignore, 'rules' | 'reason' | 'isForeign'> & { readonly scope: Scope }) | undefined {
  const ours = OURS.exec(text);
  if (ours !== null) {
    const [names = '', ...reason] = (ours[2] ?? '').split(/\s+--\s+/);
    const scopes: Readonly<Record<string, Scope>> = { '-file': 'file', '-start': 'start', '-end': 'end' };
    const scope = scopes[(ours[1] ?? '').toLowerCase()] ?? 'next';
    const rules = namesIn(names);
    if (rules.length === 0 && scope !== 'end') return undefined;
    return { rules, reason: reason.join(' -- '), scope, isForeign: false };
  }
  const hadolint = HADOLINT.exec(text);
  if (hadolint !== null) {
    const [names = '', ...reason] = (hadolint[2] ?? '').split('#');
    const scope = hadolint[1] === undefined ? 'next' : 'file';
    return { rules: namesIn(names), reason: trimSpace(reason.join('#')), scope, isForeign: false };
  }
  const [, value = ''] = CHECK.exec(text) ?? [];
  const skip = value === '' ? [] : skipped(value.split(' ', 1)[0] ?? '');
  if (skip.length === 0) return undefined;
  return { rules: skip, reason: '', scope: isDirective ? 'file' : 'next', isForeign: true };
}

function skipped(value: string): readonly string[] {
  try {
    const { skip } = parseCheckOptions(value);
    return skip === 'all' ? ['all'] : skip;
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

function namesIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

function isDirective({ directives }: Dockerfile, span: Span): boolean {
  return directives.some(({ start, name }) => name === 'check' && start === span.start);
}

/** The instruction below a comment; of a comment inside an instruction the next line. */
function linesBelow({ nodes, source }: Dockerfile, line: number): Pick<Ignore, 'firstLine' | 'lastLine'> {
  const around = nodes.find(({ firstLine, lastLine }) => firstLine < line && line <= lastLine);
  if (around === undefined) {
    const next = nodes.find(({ firstLine }) => firstLine > line);
    return { firstLine: next?.firstLine ?? line, lastLine: next?.lastLine ?? line };
  }
  let below = line + 1;
  while (below < around.lastLine && /^\s*(?:#|$)/.test(lineText(source, below) ?? '')) below++;
  return { firstLine: below, lastLine: below };
}
