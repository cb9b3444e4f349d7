import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { collect, type ByteStream } from '../../base/index.ts';
import type { Authority } from './authority.ts';
import { asksForAddress, formatNameAnswer, parseNameQuery } from './names.ts';

/** One request of a step, with all that it sent. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** As they came: name, value, name, value. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** What stood in the request line. */
  readonly target: string;
  /** Where the connection was going: a name that was looked up, or the address itself. */
  readonly host: string;
  readonly port: number;
}

/** What a step is told. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the body, where it is known; for HEAD what the body would have. */
  readonly size?: number | undefined;
  readonly body?: ByteStream | undefined;
}

/** Who answers the requests of one step. */
export interface Answerer {
  /** What it throws breaks the connection off. */
  answer(exchange: Exchange): Promise<Answer>;
  hasAddress(name: string): Promise<boolean>;
  /** The step spoke something else than HTTP with a host. */
  refuse(what: string): void;
}

export interface Destination {
  readonly address: string;
  readonly port: number;
}

/** Bytes that one request may send. */
const REQUEST_BODY_MAX_BYTES = 256 * 1024 * 1024;
/** Milliseconds that a connection may say nothing: a program that waits for the server to begin speaks no HTTP. */
const SILENCE_MS = 15_000;
const TLS_HANDSHAKE = 0x16;
const HTTP_BEGINNING = /^[A-Z]{3,16} /;
/** 198.18.0.0/15, of which .0.1 is the machine and .0.2 the step itself. */
const FIRST_NAME = 16;
const NAMES_MAX = 2 ** 17 - FIRST_NAME - 1;
export const MACHINE_ADDRESS = '198.18.0.1';

/**
 * The end of the network of one step: its name server, and the other side of all its connections. HTTP of version 1 in
 * plain and in TLS is understood, and handed to the answerer; whatever else is refused.
 */
export class Gate {
  readonly gateway: string = MACHINE_ADDRESS;
  readonly #authority: Authority;
  readonly #answerer: Answerer;
  readonly #http: Server;
  readonly #byName = new Map<string, string>();
  readonly #byAddress = new Map<string, string>();
  readonly #contexts = new Map<string, SecureContext>();
  readonly #places = new WeakMap<
    Socket,
    { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }
  >();

  constructor(authority: Authority, answerer: Answerer) {
    this.#authority = authority;
    this.#answerer = answerer;
    this.#http = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
    this.#http.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#tunnel(request, socket, head),
    );
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      this.#answerer.refuse(
        `${request.headers.upgrade ?? 'another protocol'} with ${request.headers.host ?? 'a host'}`,
      );
      socket.destroy();
    });
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Answers a query of the step's resolver: every name that is there gets an address of its own. */
  async resolve(message: Buffer): Promise<Buffer | undefined> {
    const query = parseNameQuery(message);
    if (query === undefined) return undefined;
    if (!(await this.#answerer.hasAddress(query.name))) return formatNameAnswer(query, 'no-name');
    if (!asksForAddress(query)) return formatNameAnswer(query, 'nothing');
    return formatNameAnswer(query, { address: this.#addressOf(query.name) });
  }

  #addressOf(name: string): string {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const number = FIRST_NAME + (this.#byName.size % NAMES_MAX);
    const address = `198.${18 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`;
    this.#byName.set(name, address);
    this.#byAddress.set(address, name);
    return address;
  }

  /** Takes a connection, wherever it was going. */
  connect(socket: Socket, to: Destination): void {
    this.#accept(socket, { host: this.#byAddress.get(to.address) ?? to.address, port: to.port });
  }

  #accept(socket: Socket, to: { readonly host: string; readonly port: number }): void {
    const refuse = (): void => {
      this.#answerer.refuse(`something other than HTTP with ${to.host}:${to.port}`);
      socket.destroy();
    };
    socket.setTimeout(SILENCE_MS, refuse);
    socket.once('data', (chunk: Buffer) => {
      socket.setTimeout(0);
      socket.removeListener('timeout', refuse);
      socket.pause();
      socket.unshift(chunk);
      if (chunk[0] === TLS_HANDSHAKE) this.#secure(socket, to);
      else if (HTTP_BEGINNING.test(chunk.toString('latin1', 0, 20))) this.#speak(socket, { scheme: 'http', ...to });
      else refuse();
    });
  }

  #secure(socket: Socket, to: { readonly host: string; readonly port: number }): void {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#contextOf(to.host),
      SNICallback: (name, done) => done(null, this.#contextOf(name)),
      ALPNProtocols: ['http/1.1'],
    });
    secured.on('error', () => socket.destroy());
    secured.once('secure', () => this.#speak(secured, { scheme: 'https', ...to }));
  }

  #contextOf(host: string): SecureContext {
    const known = this.#contexts.get(host);
    if (known !== undefined) return known;
    const made = createSecureContext(this.#authority.certificateFor(host));
    this.#contexts.set(host, made);
    return made;
  }

  #speak(
    socket: Socket,
    place: { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number },
  ): void {
    this.#places.set(socket, place);
    this.#http.emit('connection', socket);
    // It was stopped when its first bytes were looked at.
    socket.resume();
  }

  /** The step was told of a proxy: what it sends through it ends here as well. */
  #tunnel(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const [, host, port] = /^\[?([^[\]]+?)\]?:(\d{1,5})$/.exec(request.url ?? '') ?? [];
    if (host === undefined || port === undefined) return void socket.destroy();
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    this.#accept(socket, { host, port: Number(port) });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const place = this.#places.get(request.socket);
    const { method = 'GET', url: target = '/', rawHeaders, headers } = request;
    if (place === undefined) return void request.socket.destroy();
    const body = await collect(request as AsyncIterable<Buffer>, REQUEST_BODY_MAX_BYTES, 'a request'); // No encoding is set.
    const { scheme, host, port } = place;
    const usual = scheme === 'http' ? 80 : 443;
    const authority = headers.host ?? (port === usual ? host : `${host}:${port}`);
    const url = /^https?:\/\//i.test(target) ? target : `${scheme}://${authority}${target}`;
    const exchange = { method, url: normal(url), rawHeaders, headers, body, target, host, port };
    await send(response, await this.#answerer.answer(exchange));
  }
}

/** One text for equal addresses: the usual port left out, the host in lower case. */
function normal(url: string): string {
  return URL.parse(url)?.href ?? url;
}

async function send(response: ServerResponse, { status, headers, size, body }: Answer): Promise<void> {
  response.sendDate = false;
  const length = size === undefined ? {} : { 'content-length': String(size) };
  response.writeHead(status, { ...headers, ...length });
  if (body === undefined) response.end();
  else await pipeline(body, response);
}
