import type { Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
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
  /** Ends it: what is being answered is cut off. */
  readonly signal: AbortSignal;
  /** Told once, when requests are taken, with where: `127.0.0.1:5000`, `[::1]:5000`. */
  readonly listening: (authority: string) => void;
}

/**
 * Has a server listen until the signal is aborted; resolves when it is closed.
 * @throws SERVE_FAILED when the address cannot be had
 */
export async function serveUntil(server: Server, options: ServeUntilOptions): Promise<void> {
  const { host, port, signal } = options;
  server.maxConnections = options.connectionsMax;
  server.timeout = IDLE_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(error, host, port)));
    server.listen(port, host, () => resolve());
  });
  const { address, port: bound } = server.address() as AddressInfo; // It listens on TCP.
  options.listening(`${isIPv6(address) ? `[${address}]` : address}:${bound}`);
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

function cannotListen(error: Error, host: string, port: number): ShaleError {
  const why = isSystemError(error, 'EADDRINUSE')
    ? 'another program has the port'
    : isSystemError(error, 'EACCES')
      ? 'ports below 1024 need root'
      : messageOf(error);
  return new ShaleError('SERVE_FAILED', `cannot listen on ${host}:${port}: ${why}`, { cause: error });
}
