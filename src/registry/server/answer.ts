import type { IncomingMessage, ServerResponse } from 'node:http';
import { isShaleError, ShaleError } from '../../base/index.ts';
import { formatFaults, REGISTRY_FAULT_CODES, type RegistryFaultCode } from '../protocol.ts';

/** A body that nobody wants is read up to here, so that the connection can go on; beyond it the connection ends. */
const DRAIN_MAX_BYTES: number = 1024 * 1024;

/** What the codes mean in HTTP, where nothing else is said. */
const STATUS: Readonly<Record<RegistryFaultCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
};

/** What other parts say, in the protocol's words. */
const FAULT_OF: Readonly<Record<string, RegistryFaultCode>> = {
  DIGEST_MISMATCH: 'DIGEST_INVALID',
  SIZE_MISMATCH: 'SIZE_INVALID',
  JSON_INVALID: 'MANIFEST_INVALID',
  LIMIT_EXCEEDED: 'SIZE_INVALID',
};

export type Headers = Readonly<Record<string, string | number>>;

/** A request that is refused, in the protocol's words. `status` where it is not the usual one of the code. */
export function refusal(
  code: RegistryFaultCode,
  message: string,
  more: { readonly status?: number; readonly headers?: Headers } = {},
): ShaleError {
  return new ShaleError(code, message, { data: { ...more } });
}

/** Sends an answer without a body, or with one in memory. */
export function answer(response: ServerResponse, status: number, headers: Headers = {}, body?: Uint8Array): void {
  const length = body?.byteLength ?? (status === 204 ? undefined : 0);
  // To HEAD the length stands for the body that is not sent.
  const sized = length === undefined || 'Content-Length' in headers ? {} : { 'Content-Length': length };
  response.writeHead(status, { ...headers, ...sized });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/**
 * Sends what went wrong. Of failures that are no fault of the client it learns no more than that there was one; true for
 * these.
 */
export function answerFailure(request: IncomingMessage, response: ServerResponse, error: unknown): boolean {
  if (response.headersSent) {
    const wasThere = !request.socket.destroyed;
    response.destroy();
    return wasThere;
  }
  const code = isShaleError(error) ? faultOf(error.code) : undefined;
  const data = isShaleError(error) ? error.data : {};
  const status =
    typeof data['status'] === 'number' ? data['status'] : code === undefined ? statusOf(error) : STATUS[code];
  const message = code !== undefined && isShaleError(error) ? error.message : 'the request failed here';
  const body = formatFaults([{ code: code ?? 'UNKNOWN', message }]);
  const headers = (data['headers'] ?? {}) as Headers; // Set by `refusal` only.
  const ending = endsConnection(request) ? { Connection: 'close' } : {};
  answer(response, status, { ...headers, ...ending, 'Content-Type': 'application/json' }, body);
  if (!request.readableEnded) request.resume();
  return status >= 500 && !request.socket.destroyed;
}

function faultOf(code: string): RegistryFaultCode | undefined {
  return REGISTRY_FAULT_CODES.find((known) => known === code) ?? FAULT_OF[code];
}

/** A full disk is not for ever. */
function statusOf(error: unknown): number {
  return isShaleError(error, 'NO_SPACE') ? 507 : isShaleError(error, 'STORE_BUSY') ? 503 : 500;
}

/** Whether there is more of a body to come than is worth reading. */
function endsConnection(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const length = request.headers['content-length'];
  return length === undefined ? request.headers['transfer-encoding'] !== undefined : Number(length) > DRAIN_MAX_BYTES;
}
