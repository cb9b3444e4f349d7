import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, BlockList, isIPv6, type Socket } from 'node:net';
import { isSystemError, messageOf, ShaleError } from '../base/index.ts';

/** Milliseconds without a byte, in either direction, after which a request is given up. It may last as long as it moves. */
const IDLE_TIMEOUT_MS: number = 5 * 60_000;
/** Bytes that the headers of a request may have; for whoever makes the server. */
export const HEADERS_MAX_BYTES: number = 32 * 1024;

export interface ServeUntilOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections at once. */
  readonly connectionsMax: number;
  /** Ends it: nothing new is taken, and what is being answered has `drainMs` to end. */
  readonly signal: AbortSignal;
  /** Milliseconds for requests that are under way at the end; then they are cut off, which is at once without. */
  readonly drainMs?: number | undefined;
  /** Told once, when requests are taken, with where: `127.0.0.1:5000`, `[::1]:5000`. */
  readonly listening: (authority: string) => void;
}

/**
 * Has a server listen until the signal is aborted; resolves when it is closed and no connection is left.
 * @throws SERVE_FAILED when the address cannot be had
 */
export async function serveUntil(server: Server, options: ServeUntilOptions): Promise<void> {
  const { host, port, signal, drainMs = 0 } = options;
  server.maxConnections = options.connectionsMax;
  server.timeout = IDLE_TIMEOUT_MS;
  const underWay = new UnderWay(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(error, host, port)));
    server.listen(port, host, () => resolve());
  });
  const { address, port: bound } = server.address() as AddressInfo; // It listens on TCP.
  options.listening(`${isIPv6(address) ? `[${address}]` : address}:${bound}`);
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await underWay.ended(drainMs);
  server.closeAllConnections();
  await closed;
}

/** The requests of a server that are not answered to the end. */
class UnderWay {
  /** By connection: what waits there behind another answer does not hear of its end. */
  readonly #responses = new Map<Socket, Set<ServerResponse>>();
  #isEnding = false;
  #changed: (() => void) | undefined;

  constructor(server: Server) {
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      const responses = this.#of(socket).add(response);
      if (this.#isEnding) response.setHeader('Connection', 'close');
      response.once('close', () => {
        responses.delete(response);
        this.#changed?.();
      });
    });
  }

  #of(socket: Socket): Set<ServerResponse> {
    const known = this.#responses.get(socket);
    if (known !== undefined) return known;
    const responses = new Set<ServerResponse>();
    this.#responses.set(socket, responses);
    socket.once('close', () => {
      this.#responses.delete(socket);
      this.#changed?.();
    });
    return responses;
  }

  get #all(): ServerResponse[] {
    return [...this.#responses.values()].flatMap((responses) => [...responses]);
  }

  /** Resolves when there are none, or after `withinMs`. */
  async ended(withinMs: number): Promise<void> {
    this.#isEnding = true;
    for (const response of this.#all) if (!response.headersSent) response.setHeader('Connection', 'close');
    if (withinMs <= 0 || this.#all.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#changed = () => {
        if (this.#all.length > 0) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** True for addresses that only programs of this machine reach. Other names than localhost are not looked up. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

function cannotListen(error: Error, host: string, port: number): ShaleError {
  const why = isSystemError(error, 'EADDRINUSE')
    ? 'another program has the port'
    : isSystemError(error, 'EACCES')
      ? 'ports below 1024 need root'
      : messageOf(error);
  return new ShaleError('SERVE_FAILED', `cannot listen on ${host}:${port}: ${why}`, { cause: error });
}
