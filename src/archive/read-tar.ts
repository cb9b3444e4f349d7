import type { ByteStream } from '../base/index.ts';
import type { ReadTarEntry } from './entry.ts';
import type { TarWarning } from './tar-errors.ts';
import type { TarHandler, TarReadOptions } from './tar-handler.ts';
import { TarParser } from './tar-parser.ts';

/** An entry with its content, as {@link readTar} gives it. */
export interface TarItem {
  readonly entry: ReadTarEntry;
  /**
   * The stored bytes of a file, empty for every other kind. To be read, if at all, before the next entry is asked
   * for; what is left then is skipped. Can be iterated once.
   */
  readonly content: ByteStream;
}

export interface ReadTarOptions extends TarReadOptions {
  readonly onWarning?: (warning: TarWarning) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads a tar entry by entry, for callers who want contents; the rules and errors are those of {@link TarParser}.
 * The stream is read to its end, also behind the end of the tar; leaving the loop early closes it.
 */
export async function* readTar(
  stream: ByteStream,
  options: ReadTarOptions = {},
): AsyncGenerator<TarItem, void, undefined> {
  const source = new EventSource(stream, options);
  try {
    for (;;) {
      const event = await source.next();
      if (event === undefined) return;
      if (event instanceof Uint8Array) continue;
      yield { entry: event, content: contentOf(source) };
    }
  } finally {
    await source.close();
  }
}

async function* contentOf(source: EventSource): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const chunk = await source.nextContent();
    if (chunk === undefined) return;
    yield chunk;
  }
}

/** What the parser found in the chunk last read, given out one by one. */
class EventSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #parser: TarParser;
  readonly #signal: AbortSignal | undefined;
  #events: (ReadTarEntry | Uint8Array)[] = [];
  #nextEvent = 0;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(stream: ByteStream, options: ReadTarOptions) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#signal = options.signal;
    const handler: TarHandler = {
      entry: (entry) => this.#events.push(entry),
      content: (chunk) => this.#events.push(chunk),
      warning: (warning) => options.onWarning?.(warning),
    };
    this.#parser = new TarParser(handler, options);
  }

  async next(): Promise<ReadTarEntry | Uint8Array | undefined> {
    if (!(await this.#fill())) return undefined;
    return this.#events[this.#nextEvent++];
  }

  async nextContent(): Promise<Uint8Array | undefined> {
    if (!(await this.#fill())) return undefined;
    const event = this.#events[this.#nextEvent];
    if (!(event instanceof Uint8Array)) return undefined;
    this.#nextEvent++;
    return event;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#iterator.return?.();
  }

  /** False at the end of the tar. What was found before a failure is given out first, however the bytes are cut. */
  async #fill(): Promise<boolean> {
    while (this.#nextEvent === this.#events.length) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return false;
      this.#signal?.throwIfAborted();
      this.#events = [];
      this.#nextEvent = 0;
      const result = await this.#iterator.next();
      this.#parse(result.done === true ? undefined : result.value);
    }
    return true;
  }

  #parse(chunk: Uint8Array | undefined): void {
    this.#ended ||= chunk === undefined;
    try {
      if (chunk === undefined) this.#parser.end();
      else this.#parser.write(chunk);
    } catch (error) {
      this.#failure = { error };
    }
  }
}
