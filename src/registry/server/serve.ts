import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server, type ServerOptions } from 'node:https';
import { messageOf, ShaleError } from '../../base/index.ts';
import { HEADERS_MAX_BYTES, serveUntil } from '../../http/index.ts';
import type { Accounts } from './accounts.ts';
import { answerFailure } from './answer.ts';
import type { RegistryStore } from './contents.ts';
import { handle, type Serving, type Writes } from './handlers.ts';
import { Uploads } from './uploads.ts';

/** Milliseconds in which the headers have to come. */
const HEADERS_TIMEOUT_MS = 60_000;
/** Milliseconds that a connection waits for its next request: longer than clients keep theirs. */
const KEEP_ALIVE_MS = 120_000;
/** Connections at once. */
const CONNECTIONS_MAX = 512;

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly writes: Writes;
  /** Who may use it; everyone who reaches it without. */
  readonly accounts?: Accounts | undefined;
  /** PEM texts; plain http without them. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Ends it: nothing new is taken, and requests that are under way have `drainMs` to end. */
  readonly signal: AbortSignal;
  /** Milliseconds; then they are cut off. */
  readonly drainMs: number;
  /** Told when that time is over, or nothing is under way: what still works for a request is to stop. */
  readonly cutOff: () => void;
  /** Told once, when requests are taken. */
  readonly listening: (url: string) => void;
  /** Told what failed here, of which the client learns no more than that it did. */
  readonly failed: (error: unknown) => void;
}

/**
 * Serves a store by the distribution specification 1.1, until the signal is aborted.
 * @throws SERVE_FAILED when the address cannot be had, or the certificate cannot be used
 */
export async function serveRegistry(store: RegistryStore, options: ServeOptions): Promise<void> {
  await using uploads = new Uploads(store);
  const serving: Serving = { store, uploads, writes: options.writes, accounts: options.accounts };
  const running = new Set<Promise<void>>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const answered = respond(serving, request, response)
      .catch(options.failed)
      .finally(() => running.delete(answered));
    running.add(answered);
  };
  const settings = {
    maxHeaderSize: HEADERS_MAX_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Node's would end an upload after five minutes, however well it goes.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const { tls, signal, drainMs, host, port } = options;
  const server = tls === undefined ? createServer(settings, listener) : tlsServer({ ...settings, ...tls }, listener);
  await serveUntil(server, {
    host,
    port,
    connectionsMax: CONNECTIONS_MAX,
    signal,
    drainMs,
    listening: (authority) => options.listening(`${tls === undefined ? 'http' : 'https'}://${authority}`),
  });
  options.cutOff();
  await Promise.all(running);
}

function tlsServer(settings: ServerOptions, listener: RequestListener): Server {
  try {
    return createTlsServer(settings, listener);
  } catch (cause) {
    const message = `certificate and key cannot be used: ${messageOf(cause)}`;
    throw new ShaleError('SERVE_FAILED', message, {
      cause,
      hint: 'both are PEM files, and the key is the certificate’s',
    });
  }
}

async function respond(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  try {
    await handle(serving, request, response);
  } catch (error) {
    if (answerFailure(request, response, error)) throw error;
  }
}
