import type { LintFinding, Severity } from '../../dockerfile/index.ts';
import { changesOf } from '../../base/index.ts';
import type { FileReport } from '../report.ts';
import type { Formatter } from './formats.ts';

const COLORS = {
  red: '\u001b[31m',
  yellow: '\u001b[33m',
  green: '\u001b[32m',
  dim: '\u001b[2m',
  bold: '\u001b[1m',
  off: '\u001b[0m',
};
type Color = Exclude<keyof typeof COLORS, 'off'>;
const OF_SEVERITY: Readonly<Record<Severity, Color>> = { error: 'red', warning: 'yellow', info: 'bold', style: 'dim' };
/** Lines of a place that are shown, and of a change. */
const LINES_MAX = 6;
/** Characters of a line that are shown. */
const WIDTH_MAX = 140;

/** For people: the place with a caret, why it matters, and what the fix would change. */
export const tty: Formatter = (reports, { colors }) => {
  const paint = (color: Color, text: string): string => (colors ? `${COLORS[color]}${text}${COLORS.off}` : text);
  const blocks = reports.flatMap((report) => report.findings.map((finding) => block(report, finding, paint)));
  const count = blocks.length;
  const mendable = reports.flatMap(({ findings }) => findings).filter(({ fix }) => fix?.safety === 'safe').length;
  const silenced = reports.reduce((sum, report) => sum + report.silenced, 0);
  if (count === 0) return '';
  const parts = [
    `${count} ${count === 1 ? 'finding' : 'findings'}`,
    ...(mendable === 0 ? [] : [`${mendable} that --fix mends`]),
    ...(silenced === 0 ? [] : [`${silenced} silenced by comments`]),
  ];
  return `${blocks.join('\n')}\n${parts.join(', ')}\n`;
};

function block(
  { file, text }: FileReport,
  finding: LintFinding,
  paint: (color: Color, text: string) => string,
): string {
  const { rule, code, severity, message, start, fix, pin } = finding;
  const aliases = code ?? rule.aliases.find((alias) => alias.startsWith('DL'));
  const name = aliases === undefined ? rule.id : `${rule.id} (${aliases})`;
  const head = `${paint('bold', `${file}:${start.line}:${start.column}`)} ${paint(OF_SEVERITY[severity], severity)} ${message} ${paint('dim', name)}`;
  const [why = ''] = rule.why.split(/(?<=[.:]) /);
  const lines = [head, ...excerpt(text, finding, paint), paint('dim', `  why: ${why.replace(/:$/, '.')}`)];
  if (fix !== undefined) {
    lines.push(`  fix${fix.safety === 'unsafe' ? ' (unsafe)' : ''}: ${fix.title}`, ...preview(text, finding, paint));
  } else if (pin !== undefined) lines.push('  fix: --fix=pin looks the version up');
  return `${lines.join('\n')}\n`;
}

/** The lines that are meant, with a caret below what is meant of the first. */
function excerpt(
  text: string,
  { span, start, end }: LintFinding,
  paint: (color: Color, text: string) => string,
): string[] {
  const lines = text.split('\n');
  const last = Math.min(
    end.column === 1 && end.line > start.line ? end.line - 1 : end.line,
    start.line + LINES_MAX - 1,
  );
  const shown: string[] = [];
  for (let line = start.line; line <= last; line++) {
    const written = lines[line - 1] ?? '';
    shown.push(`${String(line).padStart(5)} | ${clip(written)}`);
    if (line !== start.line || last > start.line) continue;
    const width = Math.max(1, Math.min(span.end - span.start, WIDTH_MAX - start.column));
    const before = written.slice(0, start.column - 1).replace(/[^\t]/g, ' ');
    if (start.column < WIDTH_MAX) shown.push(`      | ${before}${paint('yellow', '^'.repeat(width))}`);
  }
  if (end.line > last + 1) shown.push('      | …');
  return shown;
}

function preview(text: string, { fix }: LintFinding, paint: (color: Color, text: string) => string): string[] {
  const lines = changesOf(text, fix?.edits ?? []).flatMap(({ before, after }) => [
    ...before.map((line) => paint('red', `    - ${clip(line)}`)),
    ...after.map((line) => paint('green', `    + ${clip(line)}`)),
  ]);
  return lines.length <= 2 * LINES_MAX ? lines : [...lines.slice(0, 2 * LINES_MAX), '    …'];
}

/** Control characters of a foreign file do not reach the terminal. */
function clip(line: string): string {
  const safe = line
    .replace(/\r$/, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
  return safe.length <= WIDTH_MAX ? safe : `${safe.slice(0, WIDTH_MAX)}…`;
}
