import { positionAt, type Position, type Span } from '../syntax/source.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import type { LintFile } from './file.ts';
import type { TextEdit } from './fix.ts';
import { readIgnores, type Ignore } from './ignores.ts';
import type { MeasuredBuild } from './measured.ts';
import { readLintFile } from './read-file.ts';
import { DEFAULT_SETTINGS, type LintFound, type LintRule, type LintSettings, type Severity } from './rule.ts';
import { findRule, RULES } from './rules.ts';
import { unusedIgnore } from './rules/meta/unused-ignore.ts';
import { survivingChecks } from './surviving-checks.ts';

/** Something that was found, with its place in every form that people and editors want. */
export interface LintFinding extends LintFound {
  readonly rule: LintRule;
  readonly severity: Severity;
  readonly start: Position;
  /** After the last character. */
  readonly end: Position;
}

export interface LintOptions {
  readonly settings?: LintSettings;
  /** Rules that stay silent, by any of their names. */
  readonly ignored?: readonly string[];
  /** Rules that speak though they are optional. */
  readonly enabled?: readonly string[];
  /** Severities that differ from the rules' own, by id. */
  readonly severities?: ReadonlyMap<string, Severity>;
  /** False: comments in the file keep nothing silent. */
  readonly useInlineIgnores?: boolean;
  /** The lines of the ignore file of the context. */
  readonly ignorePatterns?: readonly string[];
  readonly measured?: MeasuredBuild;
  /** What another program found in the same file. */
  readonly others?: (file: LintFile) => Iterable<readonly [LintRule, LintFound]>;
}

export interface LintReport {
  /** What was looked at. */
  readonly text: string;
  /** In the order of the file. */
  readonly findings: readonly LintFinding[];
  /** How many were kept silent by comments in the file. */
  readonly silenced: number;
}

/** Runs the rules over a file. Never throws for what the file holds. */
export async function lintDockerfile(dockerfile: Dockerfile, options: LintOptions = {}): Promise<LintReport> {
  const { settings = DEFAULT_SETTINGS, useInlineIgnores = true, others } = options;
  const { findings: buildChecks, errors } = await survivingChecks(dockerfile, options.ignorePatterns);
  const file = readLintFile(dockerfile, {
    settings,
    buildChecks,
    buildErrors: errors,
    ...(options.measured === undefined ? {} : { measured: options.measured }),
  });
  const isSpoken = chosenRules(options);
  const found: LintFinding[] = [];
  for (const rule of RULES) {
    if (isSpoken(rule)) for (const one of rule.check(file)) found.push(findingOf(rule, one, dockerfile, options));
  }
  for (const [rule, one] of others?.(file) ?? []) {
    if (isSpoken(rule, one.code)) found.push(findingOf(rule, one, dockerfile, options));
  }
  const ignores = useInlineIgnores ? readIgnores(dockerfile) : [];
  const used = new Set<Ignore>();
  const said = found.filter((finding) => !isIgnored(finding, ignores, used));
  const silenced = found.length - said.length;
  if (isSpoken(unusedIgnore)) {
    for (const one of unusedIgnores(dockerfile, ignores, used))
      said.push(findingOf(unusedIgnore, one, dockerfile, options));
  }
  said.sort((a, b) => a.span.start - b.span.start || (a.rule.id < b.rule.id ? -1 : 1));
  return { text: dockerfile.source.text, findings: said, silenced };
}

/** What a rule found, with its places and its severity. */
function findingOf(rule: LintRule, found: LintFound, { source }: Dockerfile, { severities }: LintOptions): LintFinding {
  const { fix, code } = found;
  const severity = severities?.get(code ?? rule.id) ?? severities?.get(rule.id) ?? found.severity ?? rule.severity;
  const span = within(found.span, source.text.length);
  const isReturned = fix !== undefined && source.text.includes('\r\n');
  return {
    ...found,
    ...(isReturned ? { fix: { ...fix, edits: fix.edits.map(withReturns) } } : {}),
    rule,
    severity,
    span,
    start: positionAt(source, span.start),
    end: positionAt(source, span.end),
  };
}

/** A span with at least one character of the text in it; of what is missing at the end, the last one. */
function within({ start, end }: Span, length: number): Span {
  const last = Math.max(0, Math.min(start, length - 1));
  return { start: last, end: Math.min(length, Math.max(last + 1, end)) };
}

/** In a file whose lines end in CR LF those of a fix do too. */
function withReturns(edit: TextEdit): TextEdit {
  return { ...edit, text: edit.text.replace(/(?<!\r)\n/g, '\r\n') };
}

/** Numbers of ShellCheck are names of findings, not of a rule. */
const CODE = /^SC\d+$/i;

/** Whether a rule speaks, or what it found under a name of its own. */
function chosenRules({ ignored = [], enabled = [] }: LintOptions): (rule: LintRule, code?: string) => boolean {
  const idOf = (name: string): string => (CODE.test(name) ? name.toUpperCase() : (findRule(name)?.id ?? name));
  const off = new Set(ignored.map(idOf));
  const on = new Set(enabled.map(idOf));
  return (rule, code) => !off.has(rule.id) && !off.has(code ?? '') && (rule.isOptional !== true || on.has(rule.id));
}

function isIgnored({ rule, code, start }: LintFinding, ignores: readonly Ignore[], used: Set<Ignore>): boolean {
  const isNamed = (name: string): boolean =>
    name === 'all' || name.toUpperCase() === code || (!CODE.test(name) && findRule(name) === rule);
  const holding = ignores.filter(
    ({ rules, firstLine, lastLine }) => firstLine <= start.line && start.line <= lastLine && rules.some(isNamed),
  );
  for (const ignore of holding) used.add(ignore);
  return holding.length > 0;
}

function* unusedIgnores(
  { source }: Dockerfile,
  ignores: readonly Ignore[],
  used: ReadonlySet<Ignore>,
): Iterable<LintFound> {
  for (const ignore of ignores) {
    if (used.has(ignore) || ignore.isForeign || ignore.rules.some((name) => CODE.test(name))) continue;
    const message = `nothing is found here that ${ignore.rules.join(', ')} would tell: the comment can go`;
    const { line } = positionAt(source, ignore.span.start);
    const edit = {
      start: source.lineStarts[line - 1] ?? 0,
      end: source.lineStarts[line] ?? source.text.length,
      text: '',
    };
    yield { message, span: ignore.span, fix: { title: 'take it out', safety: 'safe', effect: 'none', edits: [edit] } };
  }
}
