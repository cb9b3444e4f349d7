import { closeSync, type FSWatcher, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { isSystemError } from '../base/index.ts';
import type { LogLine, LogOptions } from './types.ts';

const CHUNK_BYTES = 64 * 1024;
/** conmon cuts lines at 8 KiB; a longer one is not its. */
const RECORD_BYTES_MAX = 1024 * 1024;
const POLL_MS = 200;

/**
 * Reads a log in CRI format (`TIME STREAM F|P BYTES`), as conmon writes it. With `follow` it goes on until `isOver`
 * says that nothing more will come (asked before each look at the file) or `signal` aborts. A file that is cut or
 * replaced meanwhile (the size limit) is read on from its start. A missing file is an empty log.
 */
export async function* readLog(path: string, options: LogOptions, isOver: () => boolean): AsyncGenerator<LogLine> {
  using file = new LogFile(path);
  const wanted = filterOf(options);
  if (options.tail !== undefined) yield* lastLines(file.read(), wanted, options.tail);
  if (options.follow !== true) {
    for (const line of file.read()) if (wanted(line)) yield line;
    return;
  }
  using changes = new Changes(path);
  for (;;) {
    const over = isOver() || options.signal?.aborted === true;
    for (const line of file.read()) if (wanted(line)) yield line;
    if (over) return;
    await changes.next(options.signal);
  }
}

function filterOf(options: LogOptions): (line: LogLine) => boolean {
  const { sinceMs, untilMs, streams } = options;
  return (line) => {
    if (streams !== undefined && !streams.includes(line.stream)) return false;
    if (sinceMs === undefined && untilMs === undefined) return true;
    const time = Date.parse(line.time);
    return time >= (sinceMs ?? -Infinity) && time <= (untilMs ?? Infinity);
  };
}

function* lastLines(lines: Iterable<LogLine>, wanted: (line: LogLine) => boolean, count: number): Generator<LogLine> {
  let kept: LogLine[] = [];
  let complete = 0;
  for (const line of lines) {
    if (!wanted(line)) continue;
    kept.push(line);
    if (endsLine(line)) complete++;
    // Cut now and then, not at every line; pieces of a line stay with its end.
    if (complete > 2 * count + 100) {
      kept = lastOf(kept, count);
      complete = kept.filter(endsLine).length;
    }
  }
  yield* lastOf(kept, count);
}

function lastOf(lines: readonly LogLine[], count: number): LogLine[] {
  if (count <= 0) return [];
  let seen = 0;
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lines[at];
    if (line === undefined || (!endsLine(line) && at !== lines.length - 1)) continue;
    if (++seen > count) return lines.slice(at + 1);
  }
  return [...lines];
}

function endsLine(line: LogLine): boolean {
  return line.bytes.at(-1) === 0x0a;
}

/** The file as far as it is written; `read` goes on where it stopped. */
class LogFile implements Disposable {
  readonly #path: string;
  #descriptor: number | undefined;
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  *read(): Generator<LogLine> {
    this.#reopen();
    if (this.#descriptor === undefined) return;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const count = readSync(this.#descriptor, buffer, 0, CHUNK_BYTES, this.#offset);
      if (count === 0) return;
      this.#offset += count;
      yield* this.#records(buffer.subarray(0, count));
    }
  }

  *#records(chunk: Buffer): Generator<LogLine> {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a)) {
      const line = parseRecord(data.subarray(0, end));
      if (line !== undefined) yield line;
      data = data.subarray(end + 1);
    }
    this.#rest = data.length > RECORD_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(data);
  }

  #reopen(): void {
    if (this.#descriptor !== undefined) {
      const now = statSync(this.#path, { throwIfNoEntry: false });
      const held = fstatSync(this.#descriptor);
      if (now !== undefined && now.ino === held.ino && held.size >= this.#offset) return;
      if (now === undefined || held.size > this.#offset) return;
      this[Symbol.dispose]();
      this.#offset = 0;
      this.#rest = Buffer.alloc(0);
    }
    try {
      this.#descriptor = openSync(this.#path, 'r');
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Undefined for what is not a record: a write that was cut by a full disk or a power loss. */
export function parseRecord(record: Buffer): LogLine | undefined {
  const first = record.indexOf(0x20);
  const second = record.indexOf(0x20, first + 1);
  const third = record.indexOf(0x20, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = record.toString('latin1', first + 1, second);
  const tag = record.toString('latin1', second + 1, third);
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P')) return undefined;
  const content = record.subarray(third + 1);
  const bytes = tag === 'F' ? Buffer.concat([content, Buffer.of(0x0a)]) : Buffer.from(content);
  return { stream, time: record.toString('latin1', 0, first), bytes };
}

/** Wakes when a file may have changed: by inotify, and every fifth of a second in case that fails. */
class Changes implements Disposable {
  #watcher: FSWatcher | undefined;
  #wake: (() => void) | undefined;
  #changed = false;

  constructor(path: string) {
    try {
      this.#watcher = watch(path, () => this.#notify());
      this.#watcher.on('error', () => {});
    } catch {
      // No inotify instance left, or no file yet: the timer is enough.
    }
  }

  #notify(): void {
    this.#changed = true;
    this.#wake?.();
  }

  async next(signal: AbortSignal | undefined): Promise<void> {
    if (this.#changed || signal?.aborted === true) {
      this.#changed = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, POLL_MS);
      signal?.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }
}
