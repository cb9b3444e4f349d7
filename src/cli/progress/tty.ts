import { cutToWidth, displayLine, padToWidth, textWidth } from '../output/text-width.ts';
import type { ProgressEvent } from '../../engine/index.ts';
import { ProgressModel, type Transfer, type VertexView } from './model.ts';
import { seconds, transferText } from './plain.ts';
import type { Renderer } from './renderer.ts';

const LOG_LINES = 6;
const TIME_COLUMNS = 8;
const COLUMNS_MIN = 10;

const COLOR = { done: '\u001B[34m', error: '\u001B[31m', canceled: '\u001B[33m', dim: '\u001B[2m', off: '\u001B[0m' };

export interface TtyOptions {
  readonly write: (text: string) => void;
  /** Undefined when the terminal is gone. */
  readonly size: () => { readonly columns: number; readonly rows: number } | undefined;
  readonly colors: boolean;
  /** What the operation does, as the first line says it. */
  readonly doing?: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Calls `frame` again and again until the returned function is called. */
  readonly everyFrame: (frame: () => void) => () => void;
}

/**
 * A display that is drawn over itself: a line per step, the last lines of what running ones print. Lines never wrap;
 * when there are more than rows, finished steps make room first.
 */
export function ttyRenderer(options: TtyOptions): Renderer {
  const model = new ProgressModel();
  const startedMs = options.now();
  let drawn: readonly string[] = [];
  let ended = false;

  const draw = (final: boolean): void => {
    const size = options.size();
    if (size === undefined) return;
    const columns = Math.max(COLUMNS_MIN, size.columns);
    const lines = frameLines(model, {
      columns,
      nowMs: options.now(),
      startedMs,
      final,
      doing: options.doing ?? 'Building',
    });
    // The last row stays free: a line end there would scroll.
    const shown = final ? lines : fit(lines, size.rows - 1);
    options.write(
      overwrite(
        drawn,
        shown.map((line) => paint(line, options.colors)),
        columns,
      ),
    );
    drawn = shown.map((line) => line.text);
  };
  const stop = options.everyFrame(() => draw(false));

  return {
    event: (event: ProgressEvent) => void model.apply(event),
    end: () => {
      if (ended) return;
      ended = true;
      stop();
      draw(true);
      for (const warning of model.warnings) options.write(`WARN: ${displayLine(warning)}\n`);
    },
    failed: () => model.failed,
    findings: () => model.findings,
  };
}

/** One line of a frame; `rank` says what goes first when there is no room: the highest. */
interface FrameLine {
  readonly text: string;
  readonly rank: 0 | 1 | 2;
  readonly color: keyof typeof COLOR | undefined;
}

function frameLines(
  model: ProgressModel,
  options: { columns: number; nowMs: number; startedMs: number; final: boolean; doing: string },
): FrameLine[] {
  const { columns, nowMs, startedMs, final } = options;
  const ended = model.vertices.filter((vertex) => vertex.state.kind !== 'running').length;
  const title = `[+] ${options.doing} ${seconds(nowMs - startedMs)} (${ended}/${model.vertices.length})`;
  const head: FrameLine = {
    text: cutToWidth(`${title}${final ? ' FINISHED' : ''}`, columns),
    rank: 0,
    color: undefined,
  };
  return [head, ...model.vertices.flatMap((vertex) => vertexLines(vertex, columns, nowMs, final))];
}

function vertexLines(vertex: VertexView, columns: number, nowMs: number, final: boolean): FrameLine[] {
  const { state } = vertex;
  const elapsed = seconds((state.kind === 'running' ? nowMs : state.endedMs) - vertex.startedMs);
  const label = { running: '', done: '', cached: 'CACHED ', error: 'ERROR ', canceled: 'CANCELED ' }[state.kind];
  const line: FrameLine = {
    text: withTime(` => ${label}${displayLine(vertex.name)}`, elapsed, columns),
    rank: state.kind === 'running' || state.kind === 'error' ? 0 : 1,
    color: { running: undefined, done: 'done', cached: 'done', error: 'error', canceled: 'canceled' }[
      state.kind
    ] as FrameLine['color'], // Each is a colour's name.
  };
  if (state.kind !== 'running' || final) return [line];
  const transfers = [...vertex.transfers].map(
    ([what, transfer]) => ` => => ${displayLine(what)} ${transferText(transfer)}${bar(transfer)}`,
  );
  const log = vertex.log.last(LOG_LINES).map((entry) => ` => => # ${displayLine(entry.text)}`);
  const details = [...transfers.slice(-LOG_LINES), ...log];
  return [line, ...details.map((text): FrameLine => ({ text: cutToWidth(text, columns), rank: 2, color: 'dim' }))];
}

const BAR_COLUMNS = 20;

/** How much of a transfer is done, where that is known and not all. */
function bar({ current, total }: Transfer): string {
  if (total <= 0 || current >= total) return '';
  const done = Math.floor((current / total) * BAR_COLUMNS);
  return ` [${'='.repeat(done)}${' '.repeat(BAR_COLUMNS - done)}]`;
}

/** The time at the right margin, where there is room. */
function withTime(text: string, elapsed: string, columns: number): string {
  const room = columns - TIME_COLUMNS;
  if (room < COLUMNS_MIN) return cutToWidth(text, columns);
  return `${padToWidth(cutToWidth(text, room), room)}${elapsed.padStart(TIME_COLUMNS)}`;
}

/** Leaves out the earliest lines of the highest rank until the rest fits. */
function fit(lines: readonly FrameLine[], rows: number): readonly FrameLine[] {
  let kept = [...lines];
  for (const rank of [1, 2, 0] as const) {
    let over = kept.length - Math.max(1, rows);
    if (over <= 0) return kept;
    kept = kept.filter((line, index) => index === 0 || line.rank !== rank || over-- <= 0);
  }
  return kept;
}

function paint(line: FrameLine, colors: boolean): string {
  return colors && line.color !== undefined ? `${COLOR[line.color]}${line.text}${COLOR.off}` : line.text;
}

/**
 * The characters that replace the frame that stands there. When the terminal became narrower, the old lines wrapped,
 * so the way up is counted in rows of the present width.
 */
function overwrite(before: readonly string[], lines: readonly string[], columns: number): string {
  const up = before.reduce((rows, line) => rows + Math.max(1, Math.ceil(textWidth(line) / columns)), 0);
  const start = up === 0 ? '' : `\u001B[${up}A\r`;
  return `${start}${lines.map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`;
}
