import { messageOf, ShaleError, type ByteStream } from '../../base/index.ts';
import { digestOf, type Digest } from '../../oci/index.ts';
import type { StepAnswers } from '../answers.ts';
import type { LockedAnswer } from '../lock-file.ts';
import { packageOf } from '../packages.ts';
import { redactUrl } from '../redact.ts';
import type { Answer, Answerer, Exchange } from './gate.ts';

export interface ReplayerOptions {
  readonly answers: StepAnswers;
  /** The bytes of a digest; the stream fails at its end when they are not. */
  readonly openBody: (digest: Digest) => ByteStream;
  readonly secrets: () => readonly string[];
  readonly tell: (line: string) => void;
}

/** Answers a step's requests as they were answered when they were recorded. Nobody is asked. */
export class Replayer implements Answerer {
  readonly #options: ReplayerOptions;
  readonly #strange = new Map<string, string>();
  #damage: string | undefined;

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  /** What the step asked for that is not in the lock, for people; each once. */
  get strange(): readonly string[] {
    return [...this.#strange.values()];
  }

  /** The first of the bytes that were not what the lock says; undefined when all were. */
  get damage(): string | undefined {
    return this.#damage;
  }

  async hasAddress(name: string): Promise<boolean> {
    return !this.#options.answers.isUnresolved(name);
  }

  refuse(what: string): void {
    this.#note(what, what);
  }

  async answer(exchange: Exchange): Promise<Answer> {
    const { method, body, headers } = exchange;
    const url = redactUrl(exchange.url, this.#options.secrets());
    const { range } = headers;
    const found = this.#options.answers.take({
      method,
      url,
      ...(range !== undefined && { range }),
      ...(body.length > 0 && { body: digestOf(body) }),
    });
    if (found === undefined) {
      const named = packageOf(url, headers['user-agent']);
      const shown = named === undefined ? `${method} ${url}` : `${named.package} ${named.version}: ${method} ${url}`;
      this.#note(`${method} ${url} ${range ?? ''}`, shown);
      const text = Buffer.from(`${method} ${url} is not in the lock file of this build\n`);
      return { status: 502, headers: { 'content-type': 'text/plain' }, size: text.length, body: once(text) };
    }
    if (found.error !== undefined) throw new ShaleError('LOCK_UNREACHABLE', `there was no answer: ${found.error}`);
    const { status, size, digest } = found;
    return { status, headers: found.headers, size, ...(digest !== undefined && { body: this.#body(found, digest) }) };
  }

  async *#body(answer: LockedAnswer, digest: Digest): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#options.openBody(digest);
    } catch (error) {
      this.#damage ??= `${answer.package ?? answer.url}: ${messageOf(error)}`;
      throw error;
    }
  }

  #note(key: string, what: string): void {
    if (this.#strange.has(key)) return;
    this.#strange.set(key, what);
    this.#options.tell(`shale: not in the lock file: ${what}`);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
