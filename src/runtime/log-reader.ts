import { closeSync, type FSWatcher, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { isSystemError } from '../base/index.ts';
import type { LogLine, LogOptions, OutputPiece } from './types.ts';

const CHUNK_BYTES = 256 * 1024;
/** conmon cuts lines at 8 KiB; a longer one is not its. */
const RECORD_BYTES_MAX = 1024 * 1024;
const POLL_MS = 200;

/**
 * Reads a log in CRI format (`TIME STREAM F|P BYTES`), as conmon writes it. With `follow` it goes on until `isOver`
 * says that nothing more will come (asked before each look at the file) or `signal` aborts. A file that is cut or
 * replaced meanwhile (the size limit) is read on from its start. A missing file is an empty log.
 */
export async function* readLog(path: string, options: LogOptions, isOver: () => boolean): AsyncGenerator<LogLine> {
  for await (const lines of readBatches(path, options, isOver)) yield* lines;
}

/** As `readLog`, as bytes to be written out; lines of one stream that follow one another are one piece. */
export async function* readLogOutput(
  path: string,
  options: LogOptions & { readonly timestamps?: boolean },
  isOver: () => boolean,
): AsyncGenerator<OutputPiece> {
  const inLine = { stdout: false, stderr: false };
  for await (const lines of readBatches(path, options, isOver)) {
    let parts: Uint8Array[] = [];
    let stream: OutputPiece['stream'] = 'stdout';
    for (const line of lines) {
      if (line.stream !== stream) {
        if (parts.length > 0) yield { stream, bytes: Buffer.concat(parts) };
        parts = [];
        stream = line.stream;
      }
      if (options.timestamps === true && !inLine[stream]) parts.push(Buffer.from(`${zulu(line.time)} `, 'latin1'));
      inLine[stream] = !endsLine(line);
      parts.push(line.bytes);
    }
    if (parts.length > 0) yield { stream, bytes: Buffer.concat(parts) };
  }
}

/** Docker's form of a time: UTC as `Z`. conmon writes local time with its offset. */
function zulu(time: string): string {
  const match = /^(.*?)(\.\d+)?([-+]\d\d:\d\d)$/.exec(time);
  if (match === null) return time;
  const [, seconds = '', fraction = '', zone = ''] = match;
  if (zone === '+00:00') return `${seconds}${fraction}Z`;
  return `${new Date(Date.parse(`${seconds}${zone}`)).toISOString().slice(0, 19)}${fraction}Z`;
}

async function* readBatches(
  path: string,
  options: LogOptions,
  isOver: () => boolean,
): AsyncGenerator<readonly LogLine[]> {
  using file = new LogFile(path);
  const wanted = filterOf(options);
  const older = (options.older ?? []).map((one) => new LogFile(one));
  try {
    const before = batchesOf([...older, file], wanted);
    if (options.tail === undefined) yield* before;
    else yield lastLines(before, options.tail);
  } finally {
    for (const one of older) one[Symbol.dispose]();
  }
  if (options.follow !== true) return;
  using changes = new Changes(path);
  for (;;) {
    const over = isOver() || options.signal?.aborted === true;
    yield* batchesOf([file], wanted);
    if (over) return;
    await changes.next(options.signal);
  }
}

function* batchesOf(files: readonly LogFile[], wanted: Wanted): Generator<readonly LogLine[]> {
  for (const file of files) {
    for (const lines of file.read()) yield wanted === undefined ? lines : lines.filter(wanted);
  }
}

type Wanted = ((line: LogLine) => boolean) | undefined;

/** Undefined when every line is wanted. */
function filterOf(options: LogOptions): Wanted {
  const { sinceMs, untilMs, streams } = options;
  if (sinceMs === undefined && untilMs === undefined && streams === undefined) return undefined;
  return (line) => {
    if (streams !== undefined && !streams.includes(line.stream)) return false;
    if (sinceMs === undefined && untilMs === undefined) return true;
    const time = Date.parse(line.time);
    return time >= (sinceMs ?? -Infinity) && time <= (untilMs ?? Infinity);
  };
}

function lastLines(batches: Iterable<readonly LogLine[]>, count: number): readonly LogLine[] {
  let kept: LogLine[] = [];
  let complete = 0;
  for (const lines of batches) {
    for (const line of lines) {
      // Its chunk is big, and of it a line or two are kept.
      kept.push(line);
      if (endsLine(line)) complete++;
    }
    // Cut now and then, not at every line; pieces of a line stay with its end.
    if (complete > 2 * count + 100) {
      kept = lastOf(kept, count);
      complete = kept.filter(endsLine).length;
    }
  }
  return lastOf(kept, count);
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

  *read(): Generator<LogLine[]> {
    this.#reopen();
    if (this.#descriptor === undefined) return;
    for (;;) {
      // A new one each time: lines are views of it.
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = readSync(this.#descriptor, buffer, 0, CHUNK_BYTES, this.#offset);
      if (count === 0) return;
      this.#offset += count;
      yield this.#records(buffer.subarray(0, count));
    }
  }

  #records(chunk: Buffer): LogLine[] {
    const lines: LogLine[] = [];
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let from = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, from)) {
      const line = parseRecord(data.subarray(from, end + 1));
      if (line !== undefined) lines.push(line);
      from = end + 1;
    }
    this.#rest = data.length - from > RECORD_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(data.subarray(from));
    return lines;
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

const STDOUT = Buffer.from(' stdout ');
const STDERR = Buffer.from(' stderr ');

/**
 * One record with its newline; the line's bytes are a view of it. Undefined for what is not a record: a write that was
 * cut by a full disk or a power loss.
 */
export function parseRecord(record: Buffer): LogLine | undefined {
  const first = record.indexOf(0x20);
  const tag = first + STDOUT.length;
  const kind = record[tag];
  if (first < 0 || record[tag + 1] !== 0x20 || (kind !== F && kind !== P)) return undefined;
  const name = record.subarray(first, tag);
  const stream = name.equals(STDOUT) ? 'stdout' : name.equals(STDERR) ? 'stderr' : undefined;
  if (stream === undefined) return undefined;
  const bytes = record.subarray(tag + 2, kind === F ? record.length : record.length - 1);
  return { stream, time: record.toString('latin1', 0, first), bytes };
}

const F = 0x46;
const P = 0x50;

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
