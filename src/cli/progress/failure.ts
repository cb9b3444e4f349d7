import { displayLine } from '../output/text-width.ts';
import type { VertexView } from './model.ts';
import { logText } from './plain.ts';

const RULE = '------\n';

/** The whole log of the step that failed, so that nobody has to scroll or to build again to see it. */
export function formatFailedStep(vertex: VertexView, options: { readonly sanitize: boolean }): string {
  const lines = [...vertex.log.entries()].map((line) => `${logText(line, options.sanitize)}\n`);
  return `${RULE} > ${displayLine(vertex.name)}:\n${lines.join('')}${RULE}`;
}

/** Lines of a file that a message is about; counted from 1, both ends included. */
export interface Excerpt {
  readonly file: string;
  /** The whole text of the file. */
  readonly text: string;
  readonly firstLine: number;
  readonly lastLine: number;
}

/** Lines shown before and after the ones that are meant. */
const AROUND = 3;
/** Of a long instruction only so many lines are shown. */
const LINES_MAX = 40;

/** The lines with `>>>` before those that are meant, as BuildKit prints them. */
export function formatExcerpt({ file, text, firstLine, lastLine }: Excerpt): string {
  const lines = text.split(/\r?\n/);
  const first = Math.max(1, firstLine - AROUND);
  const last = Math.min(lines.length, lastLine + AROUND, first + LINES_MAX);
  const rule = `${'-'.repeat(20)}\n`;
  const rows = lines.slice(first - 1, last).map((line, index) => {
    const number = first + index;
    const mark = number >= firstLine && number <= lastLine ? '>>>' : '   ';
    return `${String(number).padStart(4)} | ${mark} ${displayLine(line)}`.trimEnd();
  });
  return `${displayLine(file)}:${firstLine}\n${rule}${rows.map((row) => `${row}\n`).join('')}${rule}`;
}

/** The excerpt that an error carries as `data.excerpt`. */
export function excerptOf(data: Readonly<Record<string, unknown>>): Excerpt | undefined {
  const value = data['excerpt'];
  if (typeof value !== 'object' || value === null) return undefined;
  const { file, text, firstLine, lastLine } = value as Readonly<Record<string, unknown>>; // Checked on the next line.
  if (typeof file !== 'string' || typeof text !== 'string') return undefined;
  if (typeof firstLine !== 'number' || typeof lastLine !== 'number') return undefined;
  return { file, text, firstLine, lastLine };
}
