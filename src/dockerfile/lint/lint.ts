import { positionAt, type Position } from '../syntax/source.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import type { LintFile } from './file.ts';
import type { TextEdit } from './fix.ts';
import { readIgnores, type Ignore } from './ignores.ts';
import type { MeasuredBuild } from './measured.ts';
import { readLintFile } from './read-file.ts';
import { DEFAULT_SETTINGS, type LintFound, type LintRule, type LintSettings, type Severity } from './rule.ts';
import { findRule, RULES } from './rules.ts';
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
  readonly dockerfile: Dockerfile;
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
  const found: LintFinding[] = [];
  const isSpoken = chosenRules(options);
  const hasCarriageReturns = dockerfile.source.text.includes('\r\n');
  const take = (rule: LintRule, one: LintFound): void => {
    const severity = options.severities?.get(rule.id) ?? one.severity ?? rule.severity;
    const end = Math.max(one.span.start, one.span.end);
    const place = { start: positionAt(dockerfile.source, one.span.start), end: positionAt(dockerfile.source, end) };
    const { fix } = one;
    const written =
      fix !== undefined && hasCarriageReturns ? { fix: { ...fix, edits: fix.edits.map(withReturns) } } : {};
    found.push({ ...one, ...written, span: { start: one.span.start, end }, rule, severity, ...place });
  };
  for (const rule of RULES) if (isSpoken(rule)) for (const one of rule.check(file)) take(rule, one);
  for (const [rule, one] of others?.(file) ?? []) if (isSpoken(rule)) take(rule, one);
  const ignores = useInlineIgnores ? readIgnores(dockerfile) : [];
  const used = new Set<Ignore>();
  const said = found.filter((finding) => !isIgnored(finding, ignores, used));
  const silenced = found.length - said.length;
  const unused = findRule('unused-ignore');
  if (unused !== undefined && isSpoken(unused)) {
    const before = found.length;
    for (const one of unusedIgnores(dockerfile, ignores, used)) take(unused, one);
    said.push(...found.slice(before));
  }
  said.sort((a, b) => a.span.start - b.span.start || a.rule.id.localeCompare(b.rule.id));
  return { dockerfile, findings: said, silenced };
}

/** In a file whose lines end in CR LF those of a fix do too. */
function withReturns(edit: TextEdit): TextEdit {
  return { ...edit, text: edit.text.replace(/(?<!\r)\n/g, '\r\n') };
}

function chosenRules({ ignored = [], enabled = [] }: LintOptions): (rule: LintRule) => boolean {
  const off = new Set(ignored.map((name) => findRule(name)?.id ?? name));
  const on = new Set(enabled.map((name) => findRule(name)?.id ?? name));
  return (rule) => !off.has(rule.id) && (rule.isOptional !== true || on.has(rule.id));
}

function isIgnored({ rule, code, start }: LintFinding, ignores: readonly Ignore[], used: Set<Ignore>): boolean {
  const holding = ignores.filter(
    ({ rules, firstLine, lastLine }) =>
      firstLine <= start.line &&
      start.line <= lastLine &&
      rules.some(
        (name) => name === 'all' || (code === undefined ? findRule(name) === rule : name.toUpperCase() === code),
      ),
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
    if (used.has(ignore) || ignore.isForeign || ignore.rules.some((name) => /^SC\d+$/i.test(name))) continue;
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
