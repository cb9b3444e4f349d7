import { lookup as lookUp, promises as resolver } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { ShaleError, type ByteStream } from '../../base/index.ts';
import { relay, type HttpResponse } from '../../http/index.ts';
import { digestOf, type Digest } from '../../oci/index.ts';
import { requestKey } from '../answers.ts';
import type { LockedAnswer } from '../lock-file.ts';
import { packageOf } from '../packages.ts';
import { redactLocation, redactUrl } from '../redact.ts';
import { MACHINE_ADDRESS, type Answer, type Answerer, type Exchange } from './gate.ts';
import { keptHeaders } from './kept-headers.ts';

/** Where the bytes of one answer go. */
export interface BodySink extends AsyncDisposable {
  write(chunk: Uint8Array): Promise<void>;
  commit(): Promise<Digest>;
}

export interface RecorderOptions {
  readonly openSink: () => Promise<BodySink>;
  /** Texts that must stand in no address. */
  readonly secrets: () => readonly string[];
  /** An address of this machine that others reach it at; undefined where there is none. */
  readonly machineAddress: string | undefined;
  /** Says something in the step's log. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Hands a step's requests on, and writes down what they were answered with. Bodies stream; none is held in memory. */
export class Recorder implements Answerer {
  readonly #options: RecorderOptions;
  readonly #answers: LockedAnswer[] = [];
  readonly #lastByKey = new Map<string, string>();
  readonly #unresolved = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #coming = new Set<Promise<void>>();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Named packages first, then the others by address; equal requests in the order of their answers. */
  get answers(): readonly LockedAnswer[] {
    const group = (answer: LockedAnswer): string =>
      answer.package === undefined ? `1 ${answer.url}` : `0 ${answer.package} ${answer.version} ${answer.url}`;
    return this.#answers.toSorted((a, b) => compare(group(a), group(b)) || compare(requestKey(a), requestKey(b)));
  }

  /** Names that had no address. */
  get unresolved(): readonly string[] {
    return [...this.#unresolved].toSorted();
  }

  /** What the step spoke that cannot be recorded. */
  get refused(): readonly string[] {
    return [...this.#refused];
  }

  /** Resolves when every body that is on its way has come. */
  async settled(): Promise<void> {
    while (this.#coming.size > 0) await Promise.all(this.#coming);
  }

  async hasAddress(name: string): Promise<boolean> {
    try {
      await resolver.lookup(name);
      return true;
    } catch {
      this.#unresolved.add(name);
      return false;
    }
  }

  refuse(what: string): void {
    this.#refused.add(what);
    this.#options.tell(`shale: refused, since a lock holds HTTP alone: ${what}`);
  }

  async answer(exchange: Exchange): Promise<Answer> {
    const { method, body, headers } = exchange;
    const url = redactUrl(exchange.url, this.#options.secrets());
    const asked = {
      ...packageOf(url, headers['user-agent']),
      method,
      url,
      ...(headers.range !== undefined && { range: headers.range }),
      ...(body.length > 0 && { body: digestOf(body) }),
    };
    let response: HttpResponse;
    try {
      response = await this.#ask(exchange);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const reason = error instanceof ShaleError ? error.message : String(error);
      this.#options.tell(`shale: no answer for ${method} ${url}: ${reason}`);
      this.#add({ ...asked, status: 0, headers: {}, error: codeOf(error) });
      throw error;
    }
    const kept = keptHeaders(response.headers, (location) =>
      redactLocation(location, exchange.url, this.#options.secrets()),
    );
    const { status } = response;
    const answered = { ...asked, status, headers: kept };
    const length = response.headers['content-length'];
    const size = typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : undefined;
    if (method === 'HEAD' || status === 204 || status === 304) {
      for await (const _ of response.body);
      const known = method === 'HEAD' && size !== undefined ? { size } : {};
      this.#add({ ...answered, ...known });
      return { status, headers: kept, ...known };
    }
    return { status, headers: kept, size, body: this.#keep(response.body, size, answered) };
  }

  #ask({ method, url, headers, body, host, port, target }: Exchange): Promise<HttpResponse> {
    const { machineAddress, signal } = this.#options;
    if (isIP(host) !== 0 && isOwn(host)) throw ownAddress(host);
    const to = host === MACHINE_ADDRESS ? machineAddress : host;
    if (to === undefined) throw new ShaleError('LOCK_UNREACHABLE', 'this machine has no address of its own');
    return relay({
      area: 'LOCK',
      method,
      url: new URL(url),
      headers,
      body,
      signal,
      host: to,
      port,
      target,
      lookup: lookupOutside,
    });
  }

  /**
   * Passes a body on while it is kept. When the step stops reading, the rest is kept all the same: how much of it has come
   * by then is chance.
   */
  async *#keep(body: ByteStream, size: number | undefined, answered: LockedAnswer): AsyncGenerator<Uint8Array> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#coming.add(promise);
    using done = new DisposableStack();
    done.defer(() => {
      this.#coming.delete(promise);
      resolve();
    });
    await using sink = await this.#options.openSink();
    const chunks = body[Symbol.asyncIterator]();
    let bytes = 0;
    const next = async (): Promise<Uint8Array | undefined> => {
      const { value, done } = await chunks.next();
      if (done === true) return undefined;
      await sink.write(value);
      bytes += value.byteLength;
      return value;
    };
    let isWhole = false;
    try {
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
      isWhole = true;
    } finally {
      if (!isWhole && !this.#options.signal.aborted) {
        // A connection that broke is not an answer, and the step has seen so.
        isWhole = await drain(next);
      }
      if (isWhole && (size === undefined || size === bytes)) {
        const digest = await sink.commit();
        this.#add({ ...answered, digest, ...(size !== undefined && { size }) });
      }
    }
  }

  #add(answer: LockedAnswer): void {
    const key = requestKey(answer);
    const text = JSON.stringify(answer);
    if (this.#lastByKey.get(key) === text) return;
    this.#lastByKey.set(key, text);
    this.#answers.push(answer);
  }
}

async function drain(next: () => Promise<Uint8Array | undefined>): Promise<boolean> {
  try {
    while ((await next()) !== undefined);
    return true;
  } catch {
    return false;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function codeOf(error: unknown): string {
  const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return typeof code === 'string' ? code : 'UNREACHABLE';
}

/** Names lead outside: what listens on this machine's loopback interface is not for steps. */
const lookupOutside: LookupFunction = (name, options, done) => {
  lookUp(name, { ...options, all: true }, (error, addresses) => {
    const outside = error === null ? addresses.filter(({ address }) => !isOwn(address)) : [];
    const [first] = outside;
    if (error !== null) done(error, '', 0);
    else if (first === undefined) done(ownAddress(name), '', 0);
    else if (options.all === true) done(null, outside);
    else done(null, first.address, first.family);
  });
};

function isOwn(address: string): boolean {
  return /^(?:127|0)\.|^::1?$|^::ffff:(?:127|0)\./i.test(address);
}

function ownAddress(name: string): ShaleError {
  return new ShaleError('LOCK_UNREACHABLE', `${name} is this machine's loopback interface, which steps do not reach`);
}
