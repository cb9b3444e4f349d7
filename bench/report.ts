import type { Sample } from './measure.ts';
import type { Row } from './types.ts';

export interface RowResult {
  readonly name: string;
  readonly title: string;
  readonly goal: string;
  readonly limitTitle: string | undefined;
  /** By contender, `limit` among them, in the order of the rounds. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  readonly failures: Readonly<Record<string, string>>;
}

export interface Results {
  readonly date: string;
  readonly machine: string;
  readonly load: readonly number[];
  readonly columns: readonly string[];
  readonly rows: readonly RowResult[];
}

export function resultOf(
  row: Row,
  samples: Readonly<Record<string, readonly Sample[]>>,
  failures: Readonly<Record<string, string>>,
): RowResult {
  return { name: row.name, title: row.title, goal: row.goal, limitTitle: row.limitTitle, samples, failures };
}

/** The results as Markdown: medians, shale's ratios, peak memory. */
export function formatResults({ columns, rows }: Results): string {
  const peers = columns.filter((name) => name !== 'shale' && name !== 'limit');
  const times = table(
    ['work', 'limit', 'goal', 'shale', '× limit', ...peers, 'docker ÷ shale'],
    rows.map((row) => [
      row.title,
      row.samples['limit'] === undefined ? '–' : `${row.limitTitle}: ${seconds(medianOf(row, 'limit'))}`,
      row.goal,
      `**${cell(row, 'shale')}**`,
      ratio(medianOf(row, 'shale'), medianOf(row, 'limit')),
      ...peers.map((name) => cell(row, name)),
      ratio(medianOf(row, 'docker'), medianOf(row, 'shale')),
    ]),
  );
  const memory = table(
    ['peak memory in MB', 'shale', ...peers],
    rows.map((row) => [row.title, ...['shale', ...peers].map((name) => memoryCell(row, name))]),
  );
  return `${times}\n${memory}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

function cell(row: RowResult, name: string): string {
  return row.failures[name] === undefined ? seconds(medianOf(row, name)) : 'failed';
}

function seconds(value: number | undefined): string {
  if (value === undefined) return '–';
  return value < 1 ? value.toFixed(3) : value.toFixed(2);
}

function ratio(over: number | undefined, under: number | undefined): string {
  return over === undefined || under === undefined ? '–' : (over / under).toFixed(1);
}

/** Largest process of the command; the daemons' sum after a plus. */
function memoryCell(row: RowResult, name: string): string {
  const samples = row.samples[name] ?? [];
  const megabytes = (pick: (sample: Sample) => number | undefined): number | undefined =>
    median(samples.map(pick).filter((value) => value !== undefined));
  const own = megabytes((sample) => sample.peakBytes);
  const daemons = megabytes((sample) => sample.daemonPeakBytes);
  const shown = (bytes: number): string => String(Math.round(bytes / 1024 ** 2));
  if (own === undefined) return '–';
  return daemons === undefined ? shown(own) : `${shown(own)} + ${shown(daemons)}`;
}

export function medianOf(row: RowResult, name: string): number | undefined {
  return median((row.samples[name] ?? []).map((sample) => sample.wallSeconds));
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
