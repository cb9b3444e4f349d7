import type { IncomingMessage } from 'node:http';
import { refusal } from './answer.ts';
import type { UploadedBytes } from './contents.ts';
import { parseChunkRange } from './range.ts';

/** Bytes that a blob may have. */
export const BLOB_MAX_BYTES: number = 256 * 1024 ** 3;

/** Collects a small body. @throws MANIFEST_INVALID (413) before any of it is kept beyond `maxBytes` */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLong = (): Error =>
    refusal('MANIFEST_INVALID', `a manifest may have ${maxBytes} bytes at most`, { status: 413 });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytesOf(request)) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Appends the body of a request to an upload. A chunk that announces its place has to follow what is there, and to be as long
 * as it says, or nothing of it counts (distribution-spec, "Pushing a blob in chunks"). What came before a connection broke
 * stays, so that the client can go on there.
 * @throws BLOB_UPLOAD_INVALID (416 where the order is wrong), SIZE_INVALID
 */
export async function appendBody(request: IncomingMessage, bytes: UploadedBytes): Promise<void> {
  const start = bytes.sizeBytes;
  const announced = request.headers['content-range'];
  const chunk = announced === undefined ? undefined : parseChunkRange(announced);
  if (announced !== undefined && chunk === undefined)
    throw refusal('BLOB_UPLOAD_INVALID', `${JSON.stringify(announced.slice(0, 60))} is not a range of bytes`);
  if (chunk !== undefined && chunk.start !== start)
    throw refusal('BLOB_UPLOAD_INVALID', `the upload has ${start} bytes, the chunk begins at ${chunk.start}`, {
      status: 416,
      headers: { Range: rangeOf(start) },
    });
  const length = chunk === undefined ? undefined : chunk.end - chunk.start + 1;
  const contentLength = request.headers['content-length'];
  if (length !== undefined && contentLength !== undefined && Number(contentLength) !== length)
    throw refusal('SIZE_INVALID', `the chunk says that it has ${length} bytes, and the request ${contentLength}`);
  if (start + Number(contentLength ?? 0) > BLOB_MAX_BYTES) throw tooLarge();
  for await (const piece of bytesOf(request)) {
    if (bytes.sizeBytes + piece.byteLength > BLOB_MAX_BYTES) throw tooLarge();
    await bytes.write(piece);
  }
  if (length === undefined || bytes.sizeBytes - start === length) return;
  const came = bytes.sizeBytes - start;
  await bytes.truncate(start);
  throw refusal('SIZE_INVALID', `the chunk says that it has ${length} bytes, and ${came} came`);
}

/** How much an upload has, as the protocol writes it; nothing is written as one byte is, as other registries do. */
export function rangeOf(sizeBytes: number): string {
  return `0-${Math.max(0, sizeBytes - 1)}`;
}

function tooLarge(): Error {
  return refusal('SIZE_INVALID', `a blob may have ${BLOB_MAX_BYTES} bytes at most`, { status: 413 });
}

async function* bytesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const chunk of request) yield chunk as Buffer; // No encoding is set, so that chunks are bytes.
  if (!request.complete) throw refusal('BLOB_UPLOAD_INVALID', 'the request ended before its body did');
}
