import { humanSize } from '../output/human.ts';
import { displayLine } from '../output/text-width.ts';
import type { ProgressEvent } from '../../engine/index.ts';
import { type Change, ProgressModel, type Transfer, type VertexView } from './model.ts';
import type { Renderer } from './renderer.ts';
import type { LogEntry } from './vertex-log.ts';

/** A transfer that goes on is told again after this long. */
const TRANSFER_EVERY_MS = 5000;
/** A rate of less than this long says nothing. */
const RATE_AFTER_MS = 500;

export interface PlainOptions {
  readonly write: (text: string) => void;
  /** Take escape sequences and control characters out of what programs printed. */
  readonly sanitize: boolean;
}

/** Lines as BuildKit prints them: `#5 [2/3] RUN make`, `#5 0.123 output`, `#5 DONE 0.4s`. Nothing is printed twice. */
export function plainRenderer({ write, sanitize }: PlainOptions): Renderer {
  const model = new ProgressModel();
  const toldAt = new Map<string, number>();
  const log = (vertex: VertexView, lines: readonly LogEntry[]): string =>
    lines.map((line) => `#${vertex.number} ${logText(line, sanitize)}\n`).join('');

  const text = (change: Change): string => {
    switch (change.kind) {
      case 'started':
        return `#${change.vertex.number} ${displayLine(change.vertex.name)}\n`;
      case 'lines':
        return log(change.vertex, change.lines);
      case 'ended':
        return `${log(change.vertex, change.lines)}#${change.vertex.number} ${endText(change.vertex)}\n\n`;
      case 'transfer': {
        const key = `${change.vertex.id} ${change.what}`;
        const { transfer } = change;
        const ended = transfer.total > 0 && transfer.current >= transfer.total;
        if (!ended && transfer.timeMs - (toldAt.get(key) ?? -Infinity) < TRANSFER_EVERY_MS) return '';
        toldAt.set(key, transfer.timeMs);
        return `#${change.vertex.number} ${displayLine(change.what)} ${transferText(transfer)}${ended ? ' done' : ''}\n`;
      }
      case 'warning':
        return `WARN: ${displayLine(change.message)}\n${change.detail === undefined ? '' : `      ${displayLine(change.detail)}\n`}`;
      case 'none':
        return '';
    }
  };

  return {
    event: (event: ProgressEvent) => {
      const lines = text(model.apply(event));
      if (lines !== '') write(lines);
    },
    end: () => undefined,
    failed: () => model.failed,
    findings: () => model.findings,
  };
}

/** `0.123 output`. */
export function logText(line: LogEntry, sanitize: boolean): string {
  return `${(line.offsetMs / 1000).toFixed(3)} ${sanitize ? displayLine(line.text) : line.text.replace(/\r$/, '')}`;
}

/** `1.2MB / 3.4MB, 12MB/s`, `3.4MB already there`, `2MB / 3.4MB, 1MB there before`. */
export function transferText({ current, total, had, startedMs, timeMs }: Transfer): string {
  if (total > 0 && had >= total) return `${humanSize(total)} already there`;
  const amount = total > 0 ? `${humanSize(current)} / ${humanSize(total)}` : humanSize(current);
  const before = had > 0 ? `, ${humanSize(had)} there before` : '';
  const rate =
    timeMs - startedMs < RATE_AFTER_MS ? '' : `, ${humanSize(((current - had) / (timeMs - startedMs)) * 1000)}/s`;
  return `${amount}${rate}${before}`;
}

function endText({ state, startedMs }: VertexView): string {
  switch (state.kind) {
    case 'running':
      return '…';
    case 'done':
      return `DONE ${seconds(state.endedMs - startedMs)}`;
    case 'cached':
      return 'CACHED';
    case 'error':
      return `ERROR: ${displayLine(state.message)}`;
    case 'canceled':
      return 'CANCELED';
  }
}

/** `0.4s`. */
export function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
}
