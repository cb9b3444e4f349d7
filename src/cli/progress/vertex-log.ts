/** Of a step's output this much is kept to be shown again if it fails. The middle of a longer one is left out. */
export const LOG_BYTES_MAX: number = 16 * 1024 * 1024;
/** A line without end is cut after this much. */
const LINE_BYTES_MAX = 64 * 1024;

export interface LogEntry {
  /** Milliseconds after the step began. */
  readonly offsetMs: number;
  /** Without its line end; the output's own bytes as UTF-8, control characters included. */
  readonly text: string;
}

/** The output of one step, put together into lines. */
export class VertexLog {
  readonly #head: LogEntry[] = [];
  readonly #tail: LogEntry[] = [];
  readonly #partial = new Map<string, Buffer>();
  #headBytes = 0;
  #tailBytes = 0;
  #leftOut = 0;
  #lastOffsetMs = 0;

  /** Takes a chunk; gives the lines that it completed. Streams are put together apart. */
  add(stream: string, data: Uint8Array, offsetMs: number): LogEntry[] {
    this.#lastOffsetMs = offsetMs;
    const bytes = Buffer.concat([this.#partial.get(stream) ?? Buffer.alloc(0), data]);
    const entries: LogEntry[] = [];
    let start = 0;
    for (let end = lineEnd(bytes, start); end !== undefined; end = lineEnd(bytes, start)) {
      entries.push(this.#keep({ offsetMs, text: bytes.toString('utf8', start, end.at) }));
      start = end.next;
    }
    this.#partial.set(stream, bytes.subarray(start));
    return entries;
  }

  /** The lines that had no end yet; the step is over. */
  flush(): LogEntry[] {
    const rest = [...this.#partial.values()].filter((bytes) => bytes.length > 0);
    this.#partial.clear();
    return rest.map((bytes) => this.#keep({ offsetMs: this.#lastOffsetMs, text: bytes.toString('utf8') }));
  }

  /** The last lines, for a display. */
  last(count: number): readonly LogEntry[] {
    const tail = this.#tail.slice(-count);
    return tail.length === count ? tail : [...this.#head.slice(tail.length - count), ...tail].slice(-count);
  }

  /** All of it, with a line in the place of what was left out. */
  *entries(): Generator<LogEntry> {
    yield* this.#head;
    if (this.#leftOut > 0)
      yield { offsetMs: this.#tail[0]?.offsetMs ?? 0, text: `[${this.#leftOut} lines left out here]` };
    yield* this.#tail;
  }

  #keep(entry: LogEntry): LogEntry {
    const size = entry.text.length + 1;
    if (this.#headBytes + size <= LOG_BYTES_MAX / 2 && this.#tail.length === 0) {
      this.#head.push(entry);
      this.#headBytes += size;
      return entry;
    }
    this.#tail.push(entry);
    this.#tailBytes += size;
    if (this.#tailBytes > LOG_BYTES_MAX) this.#dropHalfOfTail();
    return entry;
  }

  /** Half at once, so that a long log costs linear time. */
  #dropHalfOfTail(): void {
    let dropped = 0;
    let bytes = 0;
    while (bytes < LOG_BYTES_MAX / 2) bytes += (this.#tail[dropped++]?.text.length ?? LOG_BYTES_MAX) + 1;
    this.#tail.splice(0, dropped);
    this.#tailBytes -= bytes;
    this.#leftOut += dropped;
  }
}

function lineEnd(bytes: Buffer, start: number): { at: number; next: number } | undefined {
  const at = bytes.indexOf(0x0a, start);
  if (at !== -1) return { at, next: at + 1 };
  return bytes.length - start > LINE_BYTES_MAX
    ? { at: start + LINE_BYTES_MAX, next: start + LINE_BYTES_MAX }
    : undefined;
}
