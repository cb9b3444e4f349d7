import { spawnSync } from 'node:child_process';
import { findRule, type LintFile, type LintFound, type LintOptions, type LintRule } from '../dockerfile/index.ts';

/** What ShellCheck says of a text (its format `json1`). */
interface Comment {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly level: 'error' | 'warning' | 'info' | 'style';
  readonly code: number;
  readonly message: string;
}

const TIME_MAX_MS = 20_000;
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;
/** About files and first lines that a RUN does not have. */
const LEFT_OUT = 'SC1090,SC1091,SC2187,SC2148,SC2096,SC2239';

/** The options of a lint with the findings of the program ShellCheck, where `command` can be started; else as they were. */
export function withShellcheck(options: LintOptions, command = 'shellcheck'): LintOptions {
  const rule = findRule('shellcheck');
  const probe = spawnSync(command, ['--version'], { stdio: 'ignore', timeout: TIME_MAX_MS });
  if (rule === undefined || probe.status !== 0) return options;
  return { ...options, others: (file) => findingsOf(file, rule, command) };
}

function* findingsOf(file: LintFile, rule: LintRule, command: string): Iterable<readonly [LintRule, LintFound]> {
  for (const { script, before } of file.steps) {
    if (script === undefined || script.form === 'json' || script.errors.length > 0) continue;
    const program = (before.shell?.[0] ?? '/bin/sh').replace(/^.*\//, '');
    const dialect = ['bash', 'dash', 'ksh', 'sh'].includes(program) ? program : program === 'ash' ? 'busybox' : 'bash';
    const known = [...before.environment, ...before.variables.keys()].filter((name) => /^[A-Za-z_]\w*$/.test(name));
    // A line of its own in front, so that variables of ENV and ARG count as set.
    const text = `${[':', ...known.map((name) => `${name}="$1"; export ${name}`)].join('; ')}\n${script.text}`;
    for (const { line, column, endLine, endColumn, level, code, message } of run(command, dialect, text)) {
      if (line < 2) continue;
      const span = script.line.span(
        offsetAt(script.text, line - 1, column),
        offsetAt(script.text, endLine - 1, endColumn),
      );
      const end = Math.max(span.end, span.start + 1);
      yield [rule, { message, code: `SC${code}`, severity: level, span: { start: span.start, end } }];
    }
  }
}

function run(command: string, dialect: string, text: string): readonly Comment[] {
  const args = ['--format=json1', `--shell=${dialect === 'busybox' ? 'dash' : dialect}`, `--exclude=${LEFT_OUT}`, '-'];
  const { stdout } = spawnSync(command, args, { input: text, timeout: TIME_MAX_MS, maxBuffer: OUTPUT_MAX_BYTES });
  try {
    const value: unknown = JSON.parse(stdout.toString());
    const comments = typeof value === 'object' && value !== null && 'comments' in value ? value.comments : [];
    return Array.isArray(comments) ? comments.filter(isComment) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function isComment(value: unknown): value is Comment {
  if (typeof value !== 'object' || value === null) return false;
  const row = value as Readonly<Record<string, unknown>>; // Each field is looked at below.
  const areNumbers = [row['line'], row['column'], row['endLine'], row['endColumn'], row['code']].every(
    (one) => typeof one === 'number',
  );
  return (
    areNumbers && typeof row['message'] === 'string' && /^(?:error|warning|info|style)$/.test(String(row['level']))
  );
}

/** The offset of a place; in this format a tab is one column. */
function offsetAt(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return before + Math.min(column - 1, lines[line - 1]?.length ?? 0);
}
